package bench_test

import (
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// limiting are the rows that limit a request's time, and Detach alone to compare with.
var limiting = []string{"bare", "chiTimeout", "Timeout", "TimeoutHandler", "Detach", "DetachTimeout", "TimeoutDetach"}

func BenchmarkTimeout(b *testing.B) {
	for _, row := range handlers(b, rows.Shallow, limiting...) {
		b.Run(row.Name, serving(row))
	}
}

// A Timeout costs no more memory than this, and no more time than chi's.
func TestBudget_Timeout(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector slows each of them in its own way")
	}
	list := handlers(t, rows.Shallow, limiting...)
	bareAllocs, bareBytes := cost(list[0])
	for _, row := range list {
		most, ok := map[string]float64{"Timeout": 1150, "DetachTimeout": 1600, "TimeoutDetach": 1600}[row.Name]
		if allocs, bytes := cost(row); ok && (allocs-bareAllocs > 4.5 || bytes-bareBytes > most) {
			t.Errorf("%s costs %.1f allocations and %.0f bytes above the bare handler, want at most 4 and %.0f", row.Name, allocs-bareAllocs, bytes-bareBytes, most)
		}
	}
	for try := range 3 {
		took := rows.Rounds(40, 100, rows.NewLoop(list[1]).Serve, rows.NewLoop(list[2]).Serve)
		chi, ours := slices.Min(took[0]), slices.Min(took[1])
		ratio := float64(ours) / float64(chi)
		if t.Logf("Timeout takes %.2f of chi's, %v of %v", ratio, ours, chi); ratio <= 1 {
			return
		} else if try == 2 {
			t.Errorf("Timeout takes %.2f times as long as chi's, want 1 at most", ratio)
		}
	}
}
