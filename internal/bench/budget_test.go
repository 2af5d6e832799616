package bench_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// The middlewares cost no more memory than this; see BenchmarkShallow for the
// time.
func TestBudget(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector has pools throw things away at random")
	}
	budget := map[string]struct {
		allocs, bytes float64 // above the bare handler
	}{
		"Check":               {1, 600},
		"CheckOn":             {7, 1150},
		"Lifecycle":           {1, 600},
		"LifecycleObserved":   {1, 600},
		"LifecycleBoard":      {1, 600},
		"LifecycleLog":        {1, 600},
		"Detach":              {1, 1000},
		"DetachSend":          {1, 1000},
		"LifecycleDetachSend": {1, 1000},
	}
	list := contenders(t, shallow)
	bareAllocs, bareBytes := cost(list[0].h)
	for _, c := range list {
		want, ok := budget[c.name]
		if !ok {
			continue
		}
		allocs, bytes := cost(c.h)
		allocs, bytes = allocs-bareAllocs, bytes-bareBytes
		if allocs > want.allocs+0.5 || bytes > want.bytes { // other goroutines of the test binary may allocate, too
			t.Errorf("%s costs %.1f allocations and %.0f bytes above the bare handler, want at most %.0f and %.0f",
				c.name, allocs, bytes, want.allocs, want.bytes)
		}
	}
}

// cost is what a request takes from the heap, whichever goroutine does.
func cost(h http.Handler) (allocs, bytes float64) {
	req, err := http.NewRequest("GET", "http://example.com/", nil)
	if err != nil {
		panic(err)
	}
	base := context.WithValue(context.Background(), http.ServerContextKey, new(http.Server))
	w := &sink{header: make(http.Header)}
	serve := func() {
		ctx, cancel := context.WithCancel(base)
		h.ServeHTTP(w, req.WithContext(ctx))
		cancel()
	}
	const runs = 2000
	for range runs { // what is made once: pools, parked goroutines
		serve()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		serve()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / runs, float64(after.TotalAlloc-before.TotalAlloc) / runs
}
