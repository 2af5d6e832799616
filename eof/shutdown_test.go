package eof_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestB4_ShutdownWaits(t *testing.T) {
	for _, c := range []struct {
		name string
		f    http.HandlerFunc
		want eof.Stats
	}{
		{"task", func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(ctx context.Context) { time.Sleep(time.Minute) })
		}, eof.Stats{Done: 1}},
		{"task of a task", func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(ctx context.Context) {
				time.Sleep(time.Second)
				eof.Defer(ctx, func(context.Context) { time.Sleep(59 * time.Second) })
			})
		}, eof.Stats{Done: 2}},
		{"waiting tasks", func(w http.ResponseWriter, r *http.Request) {
			for range 6 {
				eof.Defer(r.Context(), func(ctx context.Context) { time.Sleep(10 * time.Second) })
			}
		}, eof.Stats{Done: 6}},
		{"detached handler", func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			time.Sleep(time.Minute)
		}, eof.Stats{Done: 1}},
		{"detached handler before Send", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			time.Sleep(30 * time.Second)
			eof.Send(r.Context())
			time.Sleep(30 * time.Second)
		}, eof.Stats{Done: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t, eof.Options{Running: 1})
				s := serve(t, p, b.Detach, c.f)
				s.Begin(s.NewRequest("GET", "/", nil))
				synctest.Wait()
				start := time.Now()
				shutdown(t, b)
				at(t, "Shutdown's return", start, time.Minute)
				wantStats(t, b, c.want)
			})
		})
	}
}

func TestB4_ShutdownWaitsForAbortCallbacks(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		called := make(chan error, 1)
		wrap := func(h http.Handler) http.Handler { return abort.Check(b.Handler(h)) }
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(ctx context.Context) {
				time.Sleep(time.Minute)
				called <- ctx.Err()
			})
			time.Sleep(time.Second)
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		call.Cancel()
		synctest.Wait()
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, time.Minute)
		wantErr(t, "ctx.Err() in the callback", <-called, nil)
		wantStats(t, b, eof.Stats{})
	})
}

func TestB4_ShutdownWithoutWork(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := background(t, eof.Options{})
		for range 2 {
			wantErr(t, "Shutdown before anything ran", b.Shutdown(t.Context()), nil)
			wantErr(t, "Shutdown with an ended context", b.Shutdown(ended), nil)
		}
		b = background(t, eof.Options{})
		wantErr(t, "the first Shutdown, with an ended context", b.Shutdown(ended), nil)
		// It is no end: what runs later is waited for by the next one.
		inRequest(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			time.Sleep(time.Second)
		}).want(t, 200, "")
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, time.Second)
		wantStats(t, b, eof.Stats{Done: 1})
	})
}

func TestB5_TasksNotYetDueRunAtOnce(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var order book
		b := background(t, eof.Options{Running: 1})
		task := func(name string) func(context.Context) {
			return func(ctx context.Context) {
				order.add(fmt.Sprint(name, " ", eof.Premature(ctx), " ", eof.Premature(context.WithoutCancel(ctx))))
				time.Sleep(time.Second)
			}
		}
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), task("now"))
			eof.After(r.Context(), time.Hour, task("later"))
		})
		synctest.Wait()
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, 2*time.Second)
		if got, want := order.String(), "now false false later true true"; got != want {
			t.Errorf("tasks: %s, want %s", got, want)
		}
		wantStats(t, b, eof.Stats{Done: 2})
	})
}

// Drain is the beginning of a shutdown, and does not wait for its end.
func TestB5_Drain(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		premature := make(chan bool, 1)
		b := background(t, eof.Options{})
		task := func(w http.ResponseWriter, r *http.Request) {
			wantErr(t, "After", eof.After(r.Context(), time.Hour, func(ctx context.Context) {
				time.Sleep(time.Second)
				premature <- eof.Premature(ctx)
			}), nil)
		}
		inRequest(t, p, b.Handler, task)
		start := time.Now()
		b.Drain()
		b.Drain()
		at(t, "Drain's return", start, 0)
		if !<-premature {
			t.Error("Premature = false, want true")
		}
		at(t, "the task's end", start, time.Second)
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			wantErr(t, "After", eof.After(r.Context(), 1, func(context.Context) {}), eof.ErrShuttingDown)
			wantErr(t, "Defer", eof.Defer(r.Context(), func(context.Context) {}), nil)
		})
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 2, Rejected: 1})
	})
}

// A request was being served when the shutdown began, and ends during it.
func TestB5_ResponseEndsDuringShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		premature := make(chan bool, 1)
		b := background(t, eof.Options{})
		s := serve(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.After(r.Context(), time.Hour, func(ctx context.Context) { premature <- eof.Premature(ctx) })
			time.Sleep(time.Second)
		})
		s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, time.Second)
		if !<-premature {
			t.Error("Premature = false, want true")
		}
	})
}
