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

// A Timeout takes no more time than chi's.
func TestBudget_Timeout(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector slows each of them in its own way")
	}
	list := handlers(t, rows.Shallow, "chiTimeout", "Timeout")
	for try := range 3 {
		took := rows.Rounds(40, 100, rows.NewLoop(list[0]).Serve, rows.NewLoop(list[1]).Serve)
		chi, ours := slices.Min(took[0]), slices.Min(took[1])
		ratio := float64(ours) / float64(chi)
		if t.Logf("Timeout takes %.2f of chi's, %v of %v", ratio, ours, chi); ratio <= 1 {
			return
		} else if try == 2 {
			t.Errorf("Timeout takes %.2f times as long as chi's, want 1 at most", ratio)
		}
	}
}
