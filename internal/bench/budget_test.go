package bench_test

import (
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
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
		"LifecycleBoard":      {2, 700}, // it keeps so many endings a second, which a slow machine has for fewer requests
		"LifecycleLog":        {1, 600},
		"LifecycleExit":       {3, 1120},
		"Detach":              {1, 1000},
		"DetachSend":          {1, 1000},
		"LifecycleDetachSend": {1, 1000},
	}
	list := handlers(t, rows.Shallow)
	bareAllocs, bareBytes := cost(list[0])
	for _, row := range list {
		want, ok := budget[row.Name]
		if !ok {
			continue
		}
		allocs, bytes := cost(row)
		allocs, bytes = allocs-bareAllocs, bytes-bareBytes
		if allocs > want.allocs+0.5 || bytes > want.bytes { // other goroutines of the test binary may allocate, too
			t.Errorf("%s costs %.1f allocations and %.0f bytes above the bare handler, want at most %.0f and %.0f",
				row.Name, allocs, bytes, want.allocs, want.bytes)
		}
	}
}

// cost is what a request takes from the heap, whichever goroutine does.
func cost(row rows.Row) (allocs, bytes float64) { return rows.Cost(rows.NewLoop(row).Serve) }
