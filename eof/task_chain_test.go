package eof_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// chains are the ways in which a task makes its successor. Each gives the
// context for the next call of After.
var chains = []struct {
	name string
	o    eof.Options
	ctx  func(ctx context.Context) (context.Context, context.CancelFunc)
	next func(ctx context.Context, d time.Duration, fn func(context.Context)) error
}{
	{name: "After"},
	{name: "Defer", next: func(ctx context.Context, _ time.Duration, fn func(context.Context)) error { return eof.Defer(ctx, fn) }},
	{name: "Controller.Defer", next: func(ctx context.Context, _ time.Duration, fn func(context.Context)) error {
		c, _ := middleware.From(ctx)
		return c.Defer(fn)
	}},
	{name: "Options.Timeout", o: eof.Options{Timeout: time.Minute}},
	{name: "WithTimeout", ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Second)
	}},
	{name: "WithCancel twice", o: eof.Options{Timeout: time.Minute}, ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, first := context.WithCancel(ctx)
		ctx, second := context.WithCancel(ctx)
		return ctx, func() { second(); first() }
	}},
	{name: "Shield", ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
		return abort.Shield(ctx), func() {}
	}},
	{name: "WithoutCancel", ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithoutCancel(ctx), func() {}
	}},
	{name: "WithTimeout of WithoutCancel", o: eof.Options{Timeout: time.Minute}, ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	}},
}

// asked is the base of a request's context; it counts how often Value gets to it.
type asked struct {
	context.Context
	depth int // of the stack at the last call
}

func (a *asked) Value(key any) any {
	if key == (depthKey{}) {
		a.depth = runtime.Callers(0, make([]uintptr, 4096))
		return nil
	}
	return a.Context.Value(key)
}

type depthKey struct{}

// TestB12_TaskAfterTask: a recurring task, which makes the next one as ngx_lua's
// timers do, costs after 100,000 rounds what it costs after the first. Each
// round's context contained the last one's.
func TestB12_TaskAfterTask(t *testing.T) {
	for i, c := range chains {
		rounds := testkit.Rounds(30_000, 100_000)
		if i > 0 || testkit.Race || testing.Short() {
			rounds = 10_000
		}
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := background(t, c.o)
				next := c.next
				if next == nil {
					next = eof.After
				}
				var base *asked
				done := make(chan struct{})
				n, first, kept := 0, 0, uint64(0)
				var again func(ctx context.Context)
				again = func(ctx context.Context) {
					if n++; n == 100 || n == rounds {
						ctx.Value(depthKey{})
						if n == 100 {
							first, kept = base.depth, heap()
						}
					}
					if id := chi.URLParamFromCtx(ctx, "id"); id != "7" {
						t.Errorf("the route's parameter in round %d = %q, want 7", n, id)
						n = rounds
					}
					if n == rounds {
						close(done)
						return
					}
					if c.ctx != nil {
						var cancel context.CancelFunc
						ctx, cancel = c.ctx(ctx)
						defer cancel()
					}
					if err := next(ctx, time.Millisecond, again); err != nil {
						t.Errorf("round %d: %v", n, err)
						close(done)
					}
				}
				r := chi.NewRouter()
				r.With(b.Handler).Get("/item/{id}", func(_ http.ResponseWriter, r *http.Request) { eof.Defer(r.Context(), again) })
				s := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					base = &asked{Context: req.Context()}
					r.ServeHTTP(w, req.WithContext(base))
				}))
				get(t, s, "/item/7").want(t, 200, "")
				<-done
				if base.depth > first {
					t.Errorf("ctx.Value takes %d calls after %d rounds, %d after 100, want no more", base.depth, rounds, first)
				}
				if grown := int64(heap()) - int64(kept); grown > 2<<20 {
					t.Errorf("the heap has grown by %d bytes in %d rounds, want nothing to be kept", grown, rounds)
				}
			})
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

type laidOn struct{}

// TestB12_ValuesOfTheTask: what a task puts into its context the next one finds,
// and the one after it.
func TestB12_ValuesOfTheTask(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		got := make(chan any, 4)
		b := background(t, eof.Options{Timeout: time.Minute})
		s := serve(t, p, b.Handler, func(_ http.ResponseWriter, r *http.Request) {
			eof.After(r.Context(), time.Second, func(ctx context.Context) {
				got <- ctx.Value(laidOn{})
				ctx = context.WithValue(ctx, laidOn{}, 1)
				eof.After(ctx, time.Second, func(ctx context.Context) {
					got <- ctx.Value(laidOn{})
					ctx, cancel := context.WithCancel(ctx)
					defer cancel()
					eof.After(ctx, time.Second, func(ctx context.Context) {
						got <- ctx.Value(laidOn{})
						got <- ctx.Err()
					})
				})
			})
		})
		get(t, s, "/").want(t, 200, "")
		for i, want := range []any{nil, 1, 1, nil} {
			if v := <-got; v != want {
				t.Errorf("look %d gives %v, want %v", i, v, want)
			}
		}
	})
}
