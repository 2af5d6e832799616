package bench_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// within runs f in a handler, and waits for what comes after its response.
func within(tb testing.TB, o eof.Options, f func(ctx context.Context, b *eof.Background)) {
	tb.Helper()
	life := middleware.New(middleware.Options{Background: o})
	h := life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(r.Context(), life.Background()) }))
	req, err := http.NewRequest("GET", "http://example.com/", nil)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	h.ServeHTTP(httptest.NewRecorder(), req.WithContext(ctx))
	if err := life.Shutdown(tb.Context()); err != nil {
		tb.Error(err)
	}
}

// BenchmarkTask is a task that does nothing, from its call to its end, beside a bare
// goroutine with a WaitGroup. 200 of them are made at a time, and waited for.
func BenchmarkTask(b *testing.B) {
	const many = 200
	b.Run("goroutine", func(b *testing.B) {
		b.ReportAllocs()
		var all sync.WaitGroup
		for n := 0; b.Loop(); n++ {
			all.Add(1)
			go func() { defer all.Done() }()
			if n%many == 0 {
				all.Wait()
			}
		}
		all.Wait()
	})
	b.Run("Go", func(b *testing.B) { within(b, eof.Options{}, tasks(b, many)) })
	b.Run("Defer", func(b *testing.B) {
		within(b, eof.Options{}, func(ctx context.Context, bg *eof.Background) {
			// In a task, whose response has ended.
			if err := eof.Defer(ctx, func(ctx context.Context) { deferred(b, many)(ctx, bg) }); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func tasks(b *testing.B, many int) func(context.Context, *eof.Background) {
	return func(ctx context.Context, bg *eof.Background) {
		repeat(b, many, func(f func(context.Context)) error { return bg.Go(ctx, "task", f) })
	}
}

func deferred(b *testing.B, many int) func(context.Context, *eof.Background) {
	return func(ctx context.Context, _ *eof.Background) {
		repeat(b, many, func(f func(context.Context)) error { return eof.Defer(ctx, f) })
	}
}

// repeat has start run a function b.N times, of which it waits for many at a time.
func repeat(b *testing.B, many int, start func(func(context.Context)) error) {
	b.ReportAllocs()
	var all sync.WaitGroup
	f := func(context.Context) { all.Done() }
	for n := 0; b.Loop(); n++ {
		all.Add(1)
		if err := start(f); err != nil {
			b.Error(err)
			return
		}
		if n%many == 0 {
			all.Wait()
		}
	}
	all.Wait()
}

// BenchmarkThread is Spawn and Wait of threads of one request that do nothing. The
// goroutine beside it ends by closing a channel.
func BenchmarkThread(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"one", 1}, {"eight", 8}} {
		b.Run(c.name+"/goroutine", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var done [8]chan struct{}
				for i := range c.n {
					over := make(chan struct{})
					done[i] = over
					go func() { close(over) }()
				}
				for i := range c.n {
					<-done[i]
				}
			}
		})
		for _, f := range []struct {
			name string
			f    func(context.Context) error
		}{
			{"Spawn", func(context.Context) error { return nil }},
			{"SpawnDone", func(ctx context.Context) error { ctx.Done(); return nil }},
		} {
			b.Run(c.name+"/"+f.name, func(b *testing.B) {
				within(b, eof.Options{}, func(ctx context.Context, _ *eof.Background) {
					b.ReportAllocs()
					for b.Loop() {
						spawnAndWait(b, ctx, c.n, f.f)
					}
				})
			})
		}
	}
}

func spawnAndWait(tb testing.TB, ctx context.Context, n int, f func(context.Context) error) {
	var threads [8]*thread.Thread
	for i := range n {
		t, err := thread.Spawn(ctx, f)
		if err != nil {
			tb.Fatal(err)
		}
		threads[i] = t
	}
	for _, t := range threads[:n] {
		if err := t.Wait(ctx); err != nil {
			tb.Fatal(err)
		}
	}
}

// A thread makes no more allocations than this.
func TestBudget_Crew(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector has a memory of its own")
	}
	within(t, eof.Options{}, func(ctx context.Context, _ *eof.Background) {
		nothing := func(context.Context) error { return nil }
		spawnAndWait(t, ctx, 8, nothing) // what is made once for each request
		if n := testing.AllocsPerRun(1000, func() { spawnAndWait(t, ctx, 1, nothing) }); n > 3.5 {
			t.Errorf("a thread makes %v allocations, want at most 3", n)
		}
	})
}
