package bench_test

import (
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// A board that nobody looks at costs a request little. The goal is 5 % of Lifecycle.Handler,
// which the rows Lifecycle and LifecycleBoard of BenchmarkShallow show; the guard leaves
// room for noise. Others on the machine disturb some rounds of half a millisecond, so what
// counts is what a quarter of the rounds are faster than.
func TestBudget_Board(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector changes what is expensive")
	}
	const most = 12 // percent
	pair := handlers(t, rows.Shallow, "Lifecycle", "LifecycleBoard")
	without, with := rows.NewLoop(pair[0]), rows.NewLoop(pair[1])
	for range 3 { // noise makes one measurement wrong, and not all
		took := rows.Rounds(300, 500, without.Serve, with.Serve)
		for i := range took {
			slices.Sort(took[i])
		}
		base, board := took[0][len(took[0])/4], took[1][len(took[1])/4]
		percent := 100 * float64(board-base) / float64(base)
		t.Logf("Lifecycle %v, with the board %v: %.1f %% more", base, board, percent)
		if percent <= most {
			return
		}
	}
	t.Errorf("the board costs more than %d %% of Lifecycle.Handler each time", most)
}
