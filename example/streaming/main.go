// Command streaming passes the events of a language model on to a reader, and bills those
// that were sent. docs/streaming.md is its guide.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	life := middleware.New(middleware.Options{Slog: slog.Default()})
	p := &proxy{client: http.DefaultClient, model: "http://localhost:9000/chat", bill: func(ctx context.Context, tokens int64) {
		slog.InfoContext(ctx, "bill", "tokens", tokens)
	}}
	mux := http.NewServeMux()
	mux.Handle("GET /chat", exitcode.Handler(p.chat))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := life.ListenAndServe(ctx, &http.Server{Addr: ":8080", Handler: life.Handler(mux)}); err != nil {
		log.Fatal(err)
	}
}

// proxy passes the events of a language model on to a reader, and bills those that
// were sent, however the response has ended.
type proxy struct {
	client *http.Client
	model  string
	bill   func(ctx context.Context, tokens int64)
}

func (p *proxy) chat(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var tokens atomic.Int64
	err := eof.Defer(ctx, func(ctx context.Context) { p.bill(ctx, tokens.Load()) })
	if err != nil { // without a bill there are no tokens
		return &exitcode.ExitError{Code: http.StatusServiceUnavailable, Detail: "Try again.", Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, "GET", p.model, nil)
	if err != nil {
		return err
	}
	res, err := p.client.Do(req)
	if err != nil {
		return &exitcode.ExitError{Code: http.StatusBadGateway, Detail: "The model does not answer.", Err: err}
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return &exitcode.ExitError{Code: http.StatusBadGateway, Err: errors.New("the model says " + res.Status)}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out, events := http.NewResponseController(w), bufio.NewScanner(res.Body)
	for events.Scan() {
		if events.Text() == "" {
			continue
		}
		_, err := fmt.Fprintf(w, "%s\n\n", events.Text())
		if err = errors.Join(err, out.Flush()); err != nil {
			return err
		}
		middleware.SetAttrs(ctx, slog.Int64("tokens", tokens.Add(1)))
	}
	if err := events.Err(); err != nil { // what was broken off must not look complete
		return &exitcode.ExitError{Code: exitcode.Error, Err: err}
	}
	return nil
}
