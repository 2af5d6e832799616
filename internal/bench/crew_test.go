package bench_test

import (
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// A thread and a task make no more allocations than this.
func TestBudget_Job(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector has a memory of its own")
	}
	budget := map[string]float64{"Spawn, Wait": 4, "Spawn, Wait, 8": 25, "Defer": 5} // one for the test's list of them, or its function
	for _, job := range rows.Jobs() {
		want, ok := budget[job.Name]
		if !ok {
			continue
		}
		const many = 1000
		if n := testing.AllocsPerRun(5, func() { job.Do(many) }) / many; n > want+0.5 {
			t.Errorf("%q makes %.1f allocations, want at most %.0f", job.Name, n, want)
		}
	}
}
