package eof_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// crowd counts the handlers that are at work. They do not listen to their
// contexts, as a handler in the middle of a computation does not.
type crowd struct {
	now, most, all atomic.Int64
	release        chan struct{}
}

func (c *crowd) enter() {
	n := c.now.Add(1)
	c.all.Add(1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
}

func (c *crowd) work() {
	<-c.release
	c.now.Add(-1)
}

// departures are what handlers make of a client that has left.
var departures = []struct {
	name    string
	prepare func(ctx context.Context)
}{
	{"no callback", func(context.Context) {}},
	{"watched", func(ctx context.Context) { ctx.Done() }},
	{"callback", func(ctx context.Context) { abort.On(ctx, func(context.Context) {}) }},
	{"thread that exits", func(ctx context.Context) {
		thread.Spawn(ctx, func(ctx context.Context) error {
			<-ctx.Done()
			return exitcode.Exit(ctx, exitcode.Close)
		})
	}},
}

// TestB11_RapidReset: a client that begins requests and leaves them at once has
// no more handlers at work than the server's limit for a connection, as without
// Detach (CVE-2023-39325). Nobody waits for the response of a client that has
// left, so ServeHTTP has no reason to return ahead of its handler.
func TestB11_RapidReset(t *testing.T) {
	for _, d := range departures {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{release: make(chan struct{})}
				wrap := func(next http.Handler) http.Handler {
					return abort.Check(background(t, eof.Options{}).Detach(next))
				}
				s := pipenet.Start(t, pipenet.HTTP2, wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					c.enter()
					d.prepare(r.Context())
					c.work()
				})), func(srv *http.Server) { srv.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 10} })
				for range 100 {
					call := s.Begin(s.NewRequest("POST", "/", nil))
					synctest.Wait()
					call.Cancel()
					synctest.Wait()
				}
				if n := int64(len(s.Conns())); c.most.Load() > 10*n {
					t.Errorf("%d handlers at once on %d connections, want at most 10 on each", c.most.Load(), n)
				}
				close(c.release)
				synctest.Wait()
				if c.now.Load() != 0 || c.all.Load() == 0 {
					t.Errorf("%d of %d handlers are at work, want none of some", c.now.Load(), c.all.Load())
				}
			})
		})
	}
}

// TestB11_OuterLimiterCounts: what limits the requests around Detach goes on
// counting those whose client has left.
func TestB11_OuterLimiterCounts(t *testing.T) {
	for _, d := range departures {
		t.Run(d.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				c := &crowd{release: make(chan struct{})}
				wrap := func(next http.Handler) http.Handler {
					return chimiddleware.Throttle(10)(abort.Check(background(t, eof.Options{}).Detach(next)))
				}
				s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
					c.enter()
					d.prepare(r.Context())
					c.work()
				})
				for range 100 {
					call := s.Begin(s.NewRequest("POST", "/", nil))
					synctest.Wait()
					call.Cancel()
					synctest.Wait()
				}
				if c.most.Load() != 10 {
					t.Errorf("%d handlers at once inside Throttle(10), want 10", c.most.Load())
				}
				close(c.release)
			})
		})
	}
}

// TestX16_PanicAfterAbort: since ServeHTTP waits for the handler of a client
// that has left, the panic of that handler reaches the handlers around, as it
// does without Detach, and they see the route.
func TestX16_PanicAfterAbort(t *testing.T) {
	for _, v := range []any{"boom", http.ErrAbortHandler} {
		pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
			r := chi.NewRouter()
			ends := make(chan any, 2)
			r.Use(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() {
						ends <- recover()
						ends <- chi.RouteContext(r.Context()).RoutePattern()
					}()
					next.ServeHTTP(w, r)
				})
			})
			b := background(t, eof.Options{OnPanic: func(any, []byte) { t.Error("OnPanic is called, want the handlers around to be told") }})
			r.Use(abort.Check, b.Detach)
			ended := make(chan error, 1)
			r.Get("/item/{id}", func(w http.ResponseWriter, r *http.Request) {
				th, _ := thread.Spawn(r.Context(), func(context.Context) error { time.Sleep(time.Hour); return nil })
				go func() { ended <- th.Wait(context.Background()) }()
				<-r.Context().Done()
				panic(v)
			})
			s := pipenet.Start(t, p, r)
			call := s.Begin(s.NewRequest("GET", "/item/7", nil))
			synctest.Wait()
			call.Cancel()
			if got := <-ends; got != v {
				t.Errorf("the handler around recovers %v, want %v", got, v)
			}
			if got := <-ends; got != "/item/{id}" {
				t.Errorf("the handler around sees the route %q, want /item/{id}", got)
			}
			synctest.Wait()
			if len(ended) == 0 {
				t.Error("ServeHTTP has returned ahead of a thread")
			}
		})
	}
}
