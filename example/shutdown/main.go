// Command shutdown drains: it loses neither a request, nor a stream, nor a task when it is
// told to stop. docs/shutdown.md is its guide.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	life := newLife(func(context.Context) error { return nil }) // db.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := life.ListenAndServe(ctx, &http.Server{Addr: ":8080", Handler: router(life)}); err != nil {
		log.Fatal(err) // it says what was given up
	}
}

func newLife(closeDB func(context.Context) error) *middleware.Lifecycle {
	return middleware.New(middleware.Options{
		Slog: slog.Default(),
		Lag:  5 * time.Second, // step 1
		Last: closeDB,         // step 4
	})
}

func router(life *middleware.Lifecycle) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", life.Ready)
	mux.Handle("GET /events", life.Handler(http.HandlerFunc(events)))
	mux.Handle("POST /tasks", life.Detach(http.HandlerFunc(task)))
	return mux
}

// events has no end by itself, so it asks whether a drain has begun.
func events(w http.ResponseWriter, r *http.Request) {
	ctx, out := r.Context(), http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		_, err := fmt.Fprint(w, "data: tick\n\n")
		if errors.Join(err, out.Flush()) != nil {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-eof.Draining(ctx):
			return // the client connects again, to another instance
		case <-ctx.Done():
			return
		}
	}
}

// task responds and keeps running, and the drain waits for it.
func task(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintln(w, "got the task!")
	if eof.Send(r.Context()) == nil {
		time.Sleep(12 * time.Second)
	}
}
