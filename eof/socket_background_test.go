package eof_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// B4, B5, B6: Shutdown runs what is not due, takes on what Defer brings, and
// waits for all.
func TestB4_B5_B6_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		life := middleware.New(middleware.Options{})
		ended, early, got := new(atomic.Int32), make(chan bool, 1), make(chan error, 4)
		task := func(ctx context.Context) {
			<-l.answered
			got <- ctx.Err()
			ended.Add(1)
		}
		s := l.serve(t, life, life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			eof.Defer(ctx, task)
			eof.After(ctx, 1<<62, func(ctx context.Context) { early <- eof.Premature(ctx) })
			io.WriteString(w, answer)
			eof.Send(ctx)
			<-l.answered
			if err := eof.After(ctx, 1, task); !errors.Is(err, eof.ErrShuttingDown) {
				err = errors.Join(errors.New("After with d > 0"), err)
				got <- err
			}
			got <- eof.Defer(ctx, task)
			got <- ctx.Err()
			ended.Add(1)
		})))
		s.get(t, "/").want(t, 200, answer)
		down := make(chan error, 1)
		go func() { down <- life.Shutdown(context.Background()) }()
		if !<-early { // Shutdown has begun
			t.Error("Premature = false in an After task at shutdown, want true")
		}
		if len(down) > 0 || ended.Load() > 0 {
			t.Error("Shutdown has returned, want it to wait for the work")
		}
		l.release()
		wantErr(t, "Shutdown", <-down, nil)
		if n := ended.Load(); n != 3 {
			t.Errorf("Shutdown returns when %d of 3 have ended", n)
		}
		for range 4 {
			wantErr(t, "Defer, or ctx.Err() of work that is drained", <-got, nil)
		}
	})
}

func TestB7_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		life := middleware.New(middleware.Options{})
		at, got := make(chan struct{}, 2), make(chan error, 2)
		work := func(ctx context.Context) {
			at <- struct{}{}
			<-ctx.Done()
			got <- context.Cause(ctx)
		}
		s := l.serve(t, life, life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), work)
			io.WriteString(w, answer)
			eof.Send(r.Context())
			work(r.Context())
		})))
		s.get(t, "/").want(t, 200, answer)
		<-at
		<-at
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := life.Shutdown(ctx)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "gave up 1 handler (GET, 0.") ||
			!strings.Contains(err.Error(), " and 1 task (GET 0.") {
			t.Errorf("Shutdown = %v, want the error of its ctx, and the handler and the task that were left", err)
		}
		for range 2 {
			wantErr(t, "the cause of ctx", <-got, eof.ErrShuttingDown)
		}
		if n := life.Stats().Background.Lost; n != 2 {
			t.Errorf("Stats.Lost = %d, want 2", n)
		}
	})
}

func TestB8_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		done := make(chan error, 1)
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			eof.Send(r.Context())
			<-l.answered
			done <- r.Context().Err()
		})
		s.get(t, "/").want(t, 200, answer)
		s.client.CloseIdleConnections()
		wantErr(t, "Server.Shutdown", s.Config.Shutdown(t.Context()), nil)
		if len(done) > 0 {
			t.Error("the work has ended with the server, want it to go on")
		}
		l.release()
		shutdown(t, s.life)
		if len(done) == 0 {
			t.Fatal("Lifecycle.Shutdown returns before the work ends")
		}
		wantErr(t, "ctx.Err() in the work", <-done, nil)
	})
}

// B2, B3, B9: with room for one that runs and two that wait, the third is
// refused, and a panic takes nobody's place away.
func TestB2_B3_B9_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		panics, refused, ran := make(chan caught, 1), make(chan error, 3), make(chan string, 2)
		life := middleware.New(middleware.Options{Background: eof.Options{Running: 1, Pending: 2, OnPanic: onPanic(panics)}})
		s := l.serve(t, life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			refused <- eof.Defer(r.Context(), func(context.Context) {
				ran <- "first"
				<-l.answered
				ran <- "first is over"
				panicsLate("boom")
			})
			refused <- eof.Defer(r.Context(), func(context.Context) { ran <- "second" })
			refused <- eof.Defer(r.Context(), func(context.Context) { ran <- "third" })
			io.WriteString(w, answer)
		})))
		s.get(t, "/").want(t, 200, answer)
		for _, want := range []error{nil, nil, eof.ErrTooManyPending} {
			wantErr(t, "Defer", <-refused, want)
		}
		if got := <-ran; got != "first" {
			t.Errorf("the %s task begins, want the first", got)
		}
		if st, want := life.Stats().Background, (eof.Stats{Running: 1, Pending: 1, Rejected: 1}); st != want {
			t.Errorf("Stats() = %+v, want %+v", st, want)
		}
		l.release()
		for _, want := range []string{"first is over", "second"} {
			if got := <-ran; got != want {
				t.Errorf("next is %q, want %q", got, want)
			}
		}
		(<-panics).want(t, "boom", "panicsLate")
		shutdown(t, life)
		if st, want := life.Stats().Background, (eof.Stats{Done: 1, Panicked: 1, Rejected: 1}); st != want {
			t.Errorf("Stats() = %+v, want %+v", st, want)
		}
	})
}
