package eof_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
)

// Work at the start of a program is limited, recovered and drained as that of handlers.
func ExampleBackground_Go() {
	background := eof.New(eof.Options{})
	if err := background.Go(context.Background(), "warm up", func(context.Context) { fmt.Println("the cache is warm") }); err != nil {
		fmt.Println(err)
	}
	background.Shutdown(context.Background())
	// Output: the cache is warm
}

// A shutdown does not wait for an hour: the task runs early.
func ExampleBackground_After() {
	background := eof.New(eof.Options{})
	err := background.After(context.Background(), time.Hour, "clean up", func(ctx context.Context) {
		fmt.Println("premature:", eof.Premature(ctx))
	})
	fmt.Println(err)
	background.Shutdown(context.Background())
	// Output:
	// <nil>
	// premature: true
}

func ExampleBackground_Every() {
	background := eof.New(eof.Options{})
	runs := make(chan int)
	n := 0
	stop, err := background.Every(context.Background(), time.Millisecond, "refresh", func(ctx context.Context) {
		n++
		select {
		case runs <- n:
		case <-eof.Draining(ctx):
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	fmt.Println(<-runs, <-runs, <-runs)
	background.Shutdown(context.Background()) // which ends the series, too
	// Output: 1 2 3
}

func ExampleBackground_Work() {
	background := eof.New(eof.Options{Running: 1})
	release := make(chan struct{})
	for _, name := range []string{"reindex", "mail"} {
		if err := background.Go(context.Background(), name, func(context.Context) { <-release }); err != nil {
			fmt.Println(err)
		}
	}
	for i := range background.Work() {
		fmt.Println(i.Kind, i.Name, "runs:", i.Running)
	}
	close(release)
	background.Shutdown(context.Background())
	// Output:
	// task reindex runs: true
	// task mail runs: false
}

// A stream that has no end by itself ends when the shutdown begins.
func ExampleDraining() {
	background := eof.New(eof.Options{})
	srv := httptest.NewServer(background.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "an event; ")
		background.Drain() // elsewhere, usually: http.Server.Shutdown
		select {
		case <-eof.Draining(r.Context()):
			fmt.Fprint(w, "come again")
		case <-r.Context().Done():
		}
	})))
	fetch(srv, "/")
	srv.Close()
	background.Shutdown(context.Background())
	// Output: client: 200 OK "an event; come again"
}

// A handler that is blocked is told by a function that runs beside it.
func ExampleOnDrain() {
	background := eof.New(eof.Options{})
	srv := httptest.NewServer(background.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket := make(chan string)
		stop := eof.OnDrain(r.Context(), func(context.Context) { socket <- "1001 going away" })
		defer stop()
		background.Drain() // elsewhere, usually: http.Server.Shutdown
		fmt.Fprint(w, <-socket)
	})))
	fetch(srv, "/")
	srv.Close()
	background.Shutdown(context.Background())
	// Output: client: 200 OK "1001 going away"
}
