package bench_test

import (
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// budgets are what a request may cost in each row of lastbyte's. The memory is that above
// a bare handler, and as measured. The time is that of http.TimeoutHandler in the same
// run, times a number with room for machines of all kinds: about two thirds more than was
// measured on two cores.
var budgets = map[string]struct{ allocs, bytes, time float64 }{
	"Check":               {1, 512, 0.45},
	"CheckOn":             {7, 1024, 0.9},
	"CheckExit":           {2, 800, 0.65},
	"Timeout":             {2, 688, 0.5},
	"Detach":              {2, 928, 1.3},
	"DetachSend":          {2, 928, 1.5},
	"DetachTimeout":       {2, 1056, 1.3},
	"TimeoutDetach":       {2, 1056, 1.3},
	"Lifecycle":           {1, 512, 0.6},
	"LifecycleObserved":   {1, 512, 0.65},
	"LifecycleBoard":      {2, 600, 0.65}, // it keeps so many endings a second, which a slow machine has for fewer requests
	"LifecycleLog":        {1, 512, 0.95},
	"LifecycleSlog":       {4, 640, 2.1}, // log/slog of Go 1.27 has one allocation more than that of 1.26
	"LifecycleOn":         {7, 1024, 1.1},
	"LifecycleExit":       {2, 800, 0.8},
	"LifecycleExitLog":    {3, 896, 1.2},
	"LifecycleDefer":      {26, 2100, 2}, // the tasks of many requests share what they run on
	"LifecycleDetachSend": {2, 928, 1.7},
}

// others are the rows without lastbyte.
var others = []string{"bare", "chiTimeout", "TimeoutHandler", "contextAfterFunc", "floorCopy", "floorHandover", "httpError"}

// The middlewares cost no more memory than this.
func TestBudget(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector has pools throw things away at random")
	}
	list := handlers(t, rows.Shallow)
	bareAllocs, bareBytes := cost(list[0])
	for _, row := range list {
		if slices.Contains(others, row.Name) {
			continue
		}
		want, ok := budgets[row.Name]
		if !ok {
			t.Errorf("%s has no budget", row.Name)
			continue
		}
		for try := range 3 { // a garbage collection empties pools, and other goroutines of the test binary may allocate
			allocs, bytes := cost(row)
			allocs, bytes = allocs-bareAllocs, bytes-bareBytes
			if allocs <= want.allocs+0.1 && bytes <= want.bytes+16 {
				break
			} else if try == 2 {
				t.Errorf("%s costs %.1f allocations and %.0f bytes above the bare handler, want at most %.0f and %.0f",
					row.Name, allocs, bytes, want.allocs, want.bytes)
			}
		}
	}
}

// The middlewares take no more time than this, compared with http.TimeoutHandler.
func TestBudget_Time(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector slows each of them in its own way")
	}
	left := slices.DeleteFunc(handlers(t, rows.Shallow), func(row rows.Row) bool { return budgets[row.Name].time == 0 })
	base := rows.NewLoop(handlers(t, rows.Shallow, "TimeoutHandler")[0]).Serve
	for try := range 4 { // what else the machine does may hit one of them alone
		do := []func(int){base}
		for _, row := range left {
			do = append(do, rows.NewLoop(row).Serve)
		}
		took := rows.Rounds(4, 200, do...)
		var over []rows.Row
		for i, row := range left {
			want, ratio := budgets[row.Name].time, float64(slices.Min(took[i+1]))/float64(slices.Min(took[0]))
			t.Logf("%s takes %.2f of http.TimeoutHandler's time, and may take %.2f", row.Name, ratio, want)
			if ratio <= want {
				continue
			}
			if over = append(over, row); try == 3 {
				t.Errorf("%s takes %.2f of http.TimeoutHandler's time, want at most %.2f", row.Name, ratio, want)
			}
		}
		if left = over; len(left) == 0 {
			return
		}
	}
}

// cost is what a request takes from the heap, whichever goroutine does.
func cost(row rows.Row) (allocs, bytes float64) { return rows.Cost(rows.NewLoop(row).Serve) }
