package middleware_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// What ends late is logged and told before Shutdown returns: the process may end then.
func TestB8_ShutdownWaitsForObservers(t *testing.T) {
	tells := func(heard *atomic.Int32) { time.Sleep(time.Minute); heard.Add(1) }
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		var heard atomic.Int32
		life := newLife(t, middleware.Options{OnDone: func(*http.Request, middleware.Outcome) { tells(&heard) }})
		life.Observe(middleware.Observer{OnTask: func(eof.Item, time.Duration) { tells(&heard) }})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Second) })
			if eof.Send(r.Context()) == nil {
				time.Sleep(time.Hour)
			}
		})), life.Attach)
		want := map[string]int32{"Handler": 1, "Detach": 2}[m.name]
		get(t, s, "/")
		if err := life.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
		if n := heard.Load(); n != want {
			t.Errorf("Shutdown returned after %d observers, want %d", n, want)
		}
	})
	eachHijack(t, func(t *testing.T, m mount) {
		var heard atomic.Int32
		life := newLife(t, middleware.Options{OnEnd: func(*http.Request, middleware.Outcome) { tells(&heard) }})
		s := pipenet.Start(t, pipenet.HTTP1, m.wrap(life, upgrades(t, time.Hour, make(chan error, 1))), life.Attach)
		upgrade(t, s)
		if err := life.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
		if n := heard.Load(); n != 1 {
			t.Errorf("Shutdown returned after %d observers, want 1", n)
		}
	})
}

// OnEnd has returned before a deferred function begins, however it was left.
func TestB1_DeferAfterOnEnd(t *testing.T) {
	for name, act := range map[string]func(){"returns": func() {}, "panics": func() { panic(http.ErrAbortHandler) }} {
		each(t, func(t *testing.T, p pipenet.Proto, m mount) {
			var told, deferred atomic.Bool
			life := newLife(t, middleware.Options{OnEnd: func(*http.Request, middleware.Outcome) {
				time.Sleep(time.Minute)
				told.Store(true)
				act()
			}})
			s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_ = eof.Defer(r.Context(), func(context.Context) { deferred.Store(told.Load()) })
			})))
			if res, err := s.Get("/"); err == nil {
				_ = res.Body.Close()
			}
			synctest.Wait()
			if err := life.Shutdown(t.Context()); err != nil {
				t.Errorf("%s: Shutdown() = %v, want nil", name, err)
			}
			if !deferred.Load() {
				t.Errorf("%s: the deferred function did not run, or before OnEnd had returned", name)
			}
		})
	}
}
