package eof_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// serveOnce serves one request with h.
func serveOnce(h http.Handler) {
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
}

// What Send says where it does not complete the response.
func ExampleSend_errors() {
	background := eof.New(eof.Options{})
	send := func(before func(ctx context.Context, w http.ResponseWriter), wrap func(http.Handler) http.Handler, want error) {
		serveOnce(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			before(r.Context(), w)
			fmt.Println(errors.Is(eof.Send(r.Context()), want))
		})))
	}
	nothing := func(context.Context, http.ResponseWriter) {}
	send(nothing, func(h http.Handler) http.Handler { return h }, eof.ErrNoRequest)
	send(nothing, background.Handler, eof.ErrNotDetached)
	send(func(_ context.Context, w http.ResponseWriter) {
		w.Header().Set("Content-Length", "5")
		fmt.Fprint(w, "four")
	}, background.Detach, eof.ErrShortBody)
	send(func(ctx context.Context, _ http.ResponseWriter) { _ = eof.Send(ctx) }, background.Detach, eof.ErrEnded)
	send(func(ctx context.Context, _ http.ResponseWriter) { _ = exitcode.Exit(ctx, 403) }, background.Detach, eof.ErrExited)
	_ = background.Shutdown(context.Background())
	fmt.Println(errors.Is(eof.ErrClientAborted, abort.ErrClientAborted)) // one value
	// Output:
	// true
	// true
	// true
	// true
	// true
	// true
}

// What Defer and After say where they take no task.
func ExampleDefer_errors() {
	task := func(context.Context) {}
	fmt.Println(errors.Is(eof.Defer(context.Background(), task), eof.ErrNoRequest))
	off := exitcode.New(exitcode.Options{}) // has no Background
	serveOnce(off(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(errors.Is(eof.Defer(r.Context(), task), eof.ErrOff))
	})))
	background := eof.New(eof.Options{Pending: 1})
	serveOnce(background.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(errors.Is(eof.Defer(r.Context(), nil), eof.ErrNilFunc))
		fmt.Println(eof.Defer(r.Context(), task))
		fmt.Println(errors.Is(eof.Defer(r.Context(), task), eof.ErrTooManyPending)) // the first one waits for the response
		background.Drain()
		fmt.Println(errors.Is(eof.After(r.Context(), time.Hour, task), eof.ErrShuttingDown))
	})))
	_ = background.Shutdown(context.Background())
	// Output:
	// true
	// true
	// true
	// <nil>
	// true
	// true
}

// What a Background says to work that it does not take.
func ExampleBackground_Every_errors() {
	background := eof.New(eof.Options{})
	ctx, task := context.Background(), func(context.Context) {}
	fmt.Println(errors.Is(background.Go(ctx, "", task), eof.ErrNoName))
	_, err := background.Every(ctx, 0, "refresh", task)
	fmt.Println(errors.Is(err, eof.ErrInvalidInterval))
	// Output:
	// true
	// true
}

// What waits is listed by name.
func ExampleItem() {
	background := eof.New(eof.Options{})
	_ = background.After(context.Background(), time.Hour, "refresh the index", func(ctx context.Context) {
		fmt.Println("premature:", eof.Premature(ctx))
	})
	for item := range background.Work() {
		fmt.Println(item.Kind, item.Name, item.Running)
	}
	_ = background.Shutdown(context.Background())
	// Output:
	// task refresh the index false
	// premature: true
}
