package eof_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestB2_TasksWaitTheirTurn(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		const n = 7
		var order book
		b := background(t, eof.Options{Running: 2})
		start := time.Now()
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			for i := range n {
				eof.Defer(r.Context(), func(context.Context) {
					order.add(fmt.Sprint(i/2, "@", time.Since(start))) // of two at once the order is free
					time.Sleep(time.Second)
				})
			}
			if got, want := b.Stats(), (eof.Stats{Pending: n}); got != want {
				t.Errorf("Stats() in the request = %+v, want %+v", got, want)
			}
		})
		synctest.Wait()
		wantStats(t, b, eof.Stats{Running: 2, Pending: n - 2})
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: n})
		if got, want := order.String(), "0@0s 0@0s 1@1s 1@1s 2@2s 2@2s 3@3s"; got != want {
			t.Errorf("pairs of tasks and their starts: %s, want %s", got, want)
		}
	})
}

// One at a time is first in, first out, over requests as well.
func TestB2_FirstInFirstOut(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var order book
		b := background(t, eof.Options{Running: 1})
		s := serve(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			for i := range 3 {
				eof.Defer(r.Context(), func(context.Context) {
					time.Sleep(time.Second)
					order.add(fmt.Sprint(r.URL.Path, i))
				})
			}
		})
		for _, path := range []string{"/a", "/b", "/c"} {
			get(t, s, path)
			synctest.Wait()
		}
		shutdown(t, b)
		if got, want := order.String(), "/a0 /a1 /a2 /b0 /b1 /b2 /c0 /c1 /c2"; got != want {
			t.Errorf("order = %s, want %s", got, want)
		}
	})
}

// Detached handlers take no task's place, and no task takes theirs.
func TestB2_DetachedHandlersAreNotCounted(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{Running: 1, Pending: 1})
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/task" {
				eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Second) })
			}
			eof.Send(r.Context())
			time.Sleep(time.Second)
		})
		for _, path := range []string{"/", "/", "/task", "/"} {
			get(t, s, path).want(t, 200, "")
		}
		synctest.Wait()
		wantStats(t, b, eof.Stats{Running: 1, Detached: 4})
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 5})
	})
}

func TestB3_TooManyPending(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{Running: 1, Pending: 3})
		nop := func(context.Context) { time.Sleep(time.Second) }
		var during, later []error
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			during = append(during, eof.Defer(ctx, nop), eof.After(ctx, time.Hour, nop), eof.Defer(ctx, nop),
				eof.Defer(ctx, nop), eof.After(ctx, time.Hour, nop))
		})
		synctest.Wait() // one runs, one waits for it, one for its time
		wantStats(t, b, eof.Stats{Running: 1, Pending: 2, Rejected: 2})
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			later = append(later, eof.Defer(r.Context(), nop), eof.Defer(r.Context(), nop))
		})
		for i, err := range append(during, later...) {
			var want error
			if i == 3 || i == 4 || i == 6 {
				want = eof.ErrTooManyPending
			}
			wantErr(t, fmt.Sprint("call ", i), err, want)
		}
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 4, Rejected: 3})
	})
}

func TestB3_Defaults(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		var refused error
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			for range 1024 {
				refused = errors.Join(refused, eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Second) }))
			}
			wantErr(t, "the first 1024 calls", refused, nil)
			refused = eof.Defer(r.Context(), func(context.Context) {})
		})
		wantErr(t, "call 1025", refused, eof.ErrTooManyPending)
		synctest.Wait()
		wantStats(t, b, eof.Stats{Running: 256, Pending: 1024 - 256, Rejected: 1})
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, 4*time.Second)
	})
}

func TestNew_NegativeOptions(t *testing.T) {
	for want, o := range map[string]eof.Options{
		"eof.New: negative option, got Running -1, Pending 0, Detached 0, Timeout 0s":  {Running: -1},
		"eof.New: negative option, got Running 0, Pending -2, Detached 0, Timeout 0s":  {Pending: -2},
		"eof.New: negative option, got Running 0, Pending 0, Detached -1, Timeout 0s":  {Detached: -1},
		"eof.New: negative option, got Running 0, Pending 0, Detached 0, Timeout -3ns": {Timeout: -3},
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("New(%+v) panics with %v, want %v", o, got, want)
				}
			}()
			eof.New(o)
		}()
	}
}

// Work of every kind and end: each is counted once.
func TestStats_AddUp(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{Running: 2, Pending: 5, OnPanic: func(any, []byte) {}})
		tasks := 0
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			for i := range 8 { // 5 are taken
				if eof.After(ctx, time.Duration(i)*time.Second, func(context.Context) {
					time.Sleep(time.Second)
					if i%2 == 1 {
						panic("a task")
					}
				}) == nil {
					tasks++
				}
			}
			if r.URL.Path == "/send" {
				eof.Send(ctx)
				time.Sleep(time.Second)
				panic("a handler")
			}
		})
		get(t, s, "/send").want(t, 200, "")
		synctest.Wait()
		wantStats(t, b, eof.Stats{Running: 1, Pending: 4, Detached: 1, Rejected: 3})
		shutdown(t, b)
		if tasks != 5 {
			t.Errorf("%d tasks were taken, want 5", tasks)
		}
		wantStats(t, b, eof.Stats{Done: 3, Panicked: 3, Rejected: 3})
	})
}
