package thread_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/thread"
)

// TestT6_AnyNumber: reflect.Select, which WaitAny was built on, panics with more
// than 65,536 cases.
func TestT6_AnyNumber(t *testing.T) {
	const n = 70_000
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		inHandler(t, serve, func(ctx context.Context) bool {
			start := time.Now()
			slow, _ := thread.Spawn(ctx, sleeper(time.Hour, nil))
			quick, _ := thread.Spawn(ctx, sleeper(time.Second, nil))
			threads := make([]*thread.Thread, n)
			for i := range threads {
				threads[i] = slow
			}
			threads[n-1] = quick
			for range 2 { // it ends, and it has ended
				if got, err := thread.WaitAny(ctx, threads...); got != quick || err != nil {
					t.Errorf("WaitAny of %d = %p, %v; want the one that ends, nil", n, got, err)
				}
				at(t, "its return", start, time.Second)
			}
			slow.Kill()
			if got, err := thread.WaitAny(ctx, threads[:n-1]...); got != slow || err != thread.ErrKilled {
				t.Errorf("WaitAny of one thread, %d times = %p, %v; want it, %v", n-1, got, err, thread.ErrKilled)
			}
			return true
		})
	})
}

// Many threads that end at once, and many that wait for the same ones: each
// waiter has one of its threads, and together they have all.
func TestT6_StressManyWaiters(t *testing.T) {
	inRequest(func(ctx context.Context) {
		var threads []*thread.Thread
		begin := make(chan struct{})
		for i := range 200 {
			th, _ := thread.Spawn(ctx, func(context.Context) error { <-begin; return fmt.Errorf("%d", i) })
			threads = append(threads, th)
		}
		var all sync.WaitGroup
		for w := range 20 {
			all.Go(func() {
				left := append([]*thread.Thread(nil), threads[w:]...)
				for len(left) > 0 {
					got, err := thread.WaitAny(context.Background(), left...)
					found := false
					for i, th := range left {
						if found = th == got; found {
							left = append(left[:i:i], left[i+1:]...)
							break
						}
					}
					if !found || got.Wait(context.Background()) != err {
						t.Errorf("WaitAny = %p, %v, want one of those it was given, and its error", got, err)
						return
					}
				}
			})
		}
		close(begin)
		all.Wait()
	})
}

// A wait that was given up leaves nothing with the threads that it waited for.
func TestT6_LeavesNothing(t *testing.T) {
	inRequest(func(ctx context.Context) {
		var threads []*thread.Thread
		for range 10 {
			th, _ := thread.Spawn(ctx, sleeper(time.Hour, nil))
			threads = append(threads, th)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		wait := func(n int) {
			for range n {
				if got, err := thread.WaitAny(ended, threads...); got != nil || err != context.Canceled {
					t.Errorf("WaitAny = %p, %v, want nil, %v", got, err, context.Canceled)
				}
			}
		}
		wait(100)
		goroutines, before := runtime.NumGoroutine(), heap()
		wait(10_000)
		if grown := int64(heap()) - int64(before); grown > 1<<20 {
			t.Errorf("the heap has grown by %d bytes in 10,000 waits, want nothing to be kept", grown)
		}
		if n := runtime.NumGoroutine(); n > goroutines+5 {
			t.Errorf("%d goroutines more, want none", n-goroutines)
		}
		for _, th := range threads {
			th.Kill()
		}
		runtime.KeepAlive(threads)
	})
}

// inRequest runs f as a handler, outside of any bubble.
func inRequest(f func(ctx context.Context)) {
	h := abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(r.Context()) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
