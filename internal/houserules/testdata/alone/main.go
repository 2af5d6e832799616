// Command alone serves with net/http and log/slog, and uses of lastbyte package eof and
// nothing else. It serves one task on a port of its own, asks for it, and ends.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/lastbyte-go/lastbyte/eof"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	background := eof.New(eof.Options{OnPanic: func(v any, stack []byte) { log.Error("panic", "value", v, "stack", string(stack)) }})
	answered := make(chan struct{})

	mux := http.NewServeMux()
	mux.Handle("POST /tasks/{name}", background.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "got the task!")
		if err := eof.Send(r.Context()); err != nil {
			log.Error("nobody has the answer", "error", err)
			return
		}
		<-answered // the client has all of it, while this handler is at work
		log.Info("task done", "name", r.PathValue("name"), "pattern", r.Pattern)
	})))
	srv := &http.Server{Handler: mux, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError)}

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	err = ask("http://" + ln.Addr().String() + "/tasks/index")
	close(answered)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := srv.Shutdown(ctx); err != nil {
		return err
	}
	if err := background.Shutdown(ctx); err != nil { // waits for the task
		return err
	}
	if err := <-served; err != http.ErrServerClosed {
		return err
	}
	log.Info("drained", "done", background.Stats().Done)
	return nil
}

func ask(url string) error {
	res, err := http.Post(url, "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(os.Stdout, res.Body)
	http.DefaultClient.CloseIdleConnections()
	return err
}
