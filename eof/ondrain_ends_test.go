package eof_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// TestB13_OnDrainBesideReturn: who returns because Draining is closed has its functions of
// OnDrain run all the same, and waits for them, a handler as well as a task, with or without
// a thread that has asked. They are many, so that some return between the close and the
// begin of their functions.
func TestB13_OnDrainBesideReturn(t *testing.T) {
	const many = 200
	waits := func(ctx context.Context, begun, ended *atomic.Int64) {
		eof.OnDrain(ctx, func(context.Context) {
			begun.Add(1)
			time.Sleep(time.Minute)
			ended.Add(1)
		})
		<-eof.Draining(ctx)
	}
	for name, wrap := range map[string]func(*eof.Background) func(http.Handler) http.Handler{
		"without Detach": func(b *eof.Background) func(http.Handler) http.Handler { return b.Handler },
		"Detach":         func(b *eof.Background) func(http.Handler) http.Handler { return b.Detach },
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t, eof.Options{})
				var begun, ended atomic.Int64
				s := serve(t, p, wrap(b), func(_ http.ResponseWriter, r *http.Request) {
					waits(r.Context(), &begun, &ended)
				})
				var calls []*pipenet.Call
				for range many {
					calls = append(calls, s.Begin(s.NewRequest("GET", "/", nil)))
				}
				synctest.Wait()
				start := time.Now()
				b.Drain()
				for _, c := range calls {
					res, err := c.Wait()
					read(t, res, err).want(t, 200, "")
				}
				at(t, "the last response", start, time.Minute)
				if b, e := begun.Load(), ended.Load(); b != many || e != many {
					t.Errorf("%d functions have begun and %d ended when the responses are there, want %d", b, e, many)
				}
			})
		})
	}
	for _, beside := range []bool{false, true} {
		t.Run(fmt.Sprint("task, in a thread ", beside), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := eof.New(eof.Options{})
				var begun, ended atomic.Int64
				for range many {
					wantErr(t, "Go", b.Go(t.Context(), "waits", func(ctx context.Context) {
						if !beside {
							waits(ctx, &begun, &ended)
							return
						}
						_, err := thread.Spawn(ctx, func(ctx context.Context) error { waits(ctx, &begun, &ended); return nil })
						wantErr(t, "Spawn", err, nil)
					}), nil)
				}
				synctest.Wait()
				start := time.Now()
				shutdown(t, b)
				at(t, "Shutdown's return", start, time.Minute)
				if b, e := begun.Load(), ended.Load(); b != many || e != many {
					t.Errorf("%d functions have begun and %d ended when Shutdown returns, want %d", b, e, many)
				}
			})
		})
	}
}
