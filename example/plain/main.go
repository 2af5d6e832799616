// Command plain is a service with net/http's own router and log/slog, which needs one
// thing of lastbyte: handlers that respond, and keep running. It uses package eof alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	ln, err := net.Listen("tcp", "localhost:8080")
	if err != nil {
		log.Fatal(err)
	}
	s := &service{log: slog.New(slog.NewJSONHandler(os.Stderr, nil)), grace: 25 * time.Second, build: build}
	if err := s.serve(ctx, ln); err != nil {
		log.Fatal(err)
	}
}

// build stands for work that looks at its context.
func build(ctx context.Context, _ string) error {
	select {
	case <-time.After(10 * time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// service has an index that it builds when it is asked to, and every hour.
type service struct {
	log   *slog.Logger
	grace time.Duration // of the whole shutdown
	build func(ctx context.Context, name string) error
}

// serve serves until ctx ends, and then waits for what is at work.
func (s *service) serve(ctx context.Context, ln net.Listener) error {
	work := eof.New(eof.Options{OnPanic: func(v any, stack []byte) {
		s.log.Error("panic", "value", v, "stack", string(stack))
	}})
	_, err := work.Every(ctx, time.Hour, "hourly index", func(ctx context.Context) { s.index(ctx, "all") })
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /index/{name}", work.Detach(http.HandlerFunc(s.post)))
	srv := &http.Server{Handler: mux, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	srv.RegisterOnShutdown(work.Drain)

	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx = context.WithoutCancel(ctx)
	requests, cancel := context.WithTimeout(ctx, s.grace/2)
	defer cancel()
	all, cancel := context.WithTimeout(ctx, s.grace)
	defer cancel()
	return errors.Join(srv.Shutdown(requests), work.Shutdown(all))
}

// post responds, and builds the index then.
func (s *service) post(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintln(w, "got the task!")
	if err := eof.Send(r.Context()); err != nil {
		s.log.WarnContext(r.Context(), "not answered", "err", err)
		return
	}
	s.index(r.Context(), r.PathValue("name"))
}

func (s *service) index(ctx context.Context, name string) {
	if err := s.build(ctx, name); err != nil {
		s.log.ErrorContext(ctx, "index", "name", name, "err", err)
		return
	}
	s.log.InfoContext(ctx, "index", "name", name)
}
