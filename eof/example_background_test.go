package eof_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/eof"
)

func ExampleNew() {
	background := eof.New(eof.Options{
		Running: 16,
		Pending: 1000,
		Timeout: time.Minute,
		OnPanic: func(v any, stack []byte) { fmt.Println("lost a task:", v) },
	})
	srv := httptest.NewServer(background.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		eof.Defer(r.Context(), func(context.Context) { panic("the index is gone") })
	})))
	fetch(srv, "/")
	srv.Close()
	background.Shutdown(context.Background())
	// Unordered output:
	// client: 200 OK ""
	// lost a task: the index is gone
}

// Handler is enough for Defer and After; Send needs Detach.
func ExampleBackground_Handler() {
	background := eof.New(eof.Options{})
	srv := httptest.NewServer(background.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := eof.Defer(r.Context(), func(context.Context) { fmt.Println("server: counted") })
		fmt.Fprint(w, "deferred: ", err == nil)
	})))
	fetch(srv, "/")
	srv.Close()
	background.Shutdown(context.Background())
	// Unordered output:
	// client: 200 OK "deferred: true"
	// server: counted
}

// Detach is needed on the routes that call Send only.
func ExampleBackground_Detach() {
	background := eof.New(eof.Options{})
	r := chi.NewRouter()
	r.Get("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "plain: ", eof.Send(r.Context()))
	})
	r.With(background.Detach).Get("/tasks", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "got the task!")
		eof.Send(r.Context())
	})
	srv := httptest.NewServer(r)
	fetch(srv, "/")
	fetch(srv, "/tasks")
	srv.Close()
	background.Shutdown(context.Background())
	// Output:
	// client: 200 OK "plain: lastbyte: no lastbyte middleware around this handler"
	// client: 200 OK "got the task!"
}

// Drain begins the shutdown of the work while requests are still served.
func ExampleBackground_Drain() {
	background := eof.New(eof.Options{})
	srv := httptest.NewServer(background.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, eof.After(r.Context(), time.Hour, func(context.Context) {}))
	})))
	background.Drain()
	fetch(srv, "/")
	srv.Close()
	// Output: client: 200 OK "eof: shutting down"
}

// A shutdown that has no time cancels the work that is left, and its error names it.
func ExampleBackground_Shutdown() {
	background := eof.New(eof.Options{})
	ended := make(chan struct{})
	srv := httptest.NewServer(background.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		eof.Send(r.Context())
		<-r.Context().Done()
		fmt.Println("server:", context.Cause(r.Context()))
	})))
	fetch(srv, "/")
	srv.Close() // with http.Server, call Shutdown here; the work comes after that

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := background.Shutdown(ctx) // eof: shutdown gave up 1 handler (GET, 0.0s): context deadline exceeded
	<-ended
	fmt.Println("gave up:", errors.Is(err, context.DeadlineExceeded))
	// Output:
	// client: 200 OK ""
	// server: eof: shutting down
	// gave up: true
}

func ExampleBackground_Stats() {
	background := eof.New(eof.Options{Pending: 2})
	srv := httptest.NewServer(background.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			if err := eof.Defer(r.Context(), func(context.Context) {}); err != nil {
				fmt.Println("server:", err)
			}
		}
	})))
	fetch(srv, "/")
	srv.Close()
	background.Shutdown(context.Background())
	s := background.Stats()
	fmt.Printf("running %d, done %d, rejected %d\n", s.Running, s.Done, s.Rejected)
	// Output:
	// server: eof: too many pending tasks
	// client: 200 OK ""
	// running 0, done 2, rejected 1
}
