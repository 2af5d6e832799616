package stress_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// count holds the Stats against what the handlers and the clients saw.
func (s *soak) count(t *testing.T, n int, forced bool) {
	t.Helper()
	st := s.life.Stats()
	b := st.Background
	for _, c := range []struct {
		what             string
		got, least, most uint64
	}{
		{"requests that arrived", s.arrived.Load(), uint64(n), uint64(n + 100)}, // some were under way
		{"Requests", st.Requests, s.arrived.Load(), s.arrived.Load()},
		{"calls of OnEnd", s.outcomes.Load(), st.Requests, st.Requests},
		{"lines of the log", s.lines.Load(), st.Requests, st.Requests},
		{"Aborts", st.Aborts, s.aborts.Load(), s.aborts.Load()},
		{"Exits", st.Exits, s.exits.Load(), s.exits.Load()},
		{"EOFs", st.EOFs, s.sent.Load(), s.sent.Load()},
		{"Outcomes with EOF", s.eofs.Load(), st.EOFs, st.EOFs},
		{"requests at work", uint64(st.Active), 0, 0},
		{"work that is left", uint64(b.Running + b.Pending + b.Detached), 0, 0},
		{"Rejected", b.Rejected, s.refused.Load(), s.refused.Load()},
		{"work that has ended", b.Done + b.Panicked + b.Lost, s.accepted.Load() + s.handed.Load(), s.accepted.Load() + s.handed.Load()},
		{"lines for it in the log", s.workLines.Load(), s.sent.Load(), s.handed.Load()},
		{"calls of OnPanic", s.told.Load(), s.panics.Load(), s.panics.Load()},
	} {
		if c.got < c.least || c.got > c.most {
			t.Errorf("%s: %d, want %d to %d", c.what, c.got, c.least, c.most)
		}
	}
	if !forced && (b.Lost != 0 || b.Panicked != s.panics.Load()) || b.Panicked > s.panics.Load() {
		t.Errorf("%d lost, %d panicked, want %d panics, and nothing lost without force", b.Lost, b.Panicked, s.panics.Load())
	}
	if st.Aborts == 0 || st.Exits == 0 || st.EOFs == 0 || s.accepted.Load() == 0 || b.Rejected == 0 || s.panics.Load() == 0 {
		t.Errorf("Stats() = %+v, %d tasks, %d panics; want some of each", st, s.accepted.Load(), s.panics.Load())
	}
	t.Logf("%+v; tasks %d, handlers that outlived the response %d", st, s.accepted.Load(), s.handed.Load())
}

// soakLeft gives the goroutines of lastbyte and net/http that do not end.
func soakLeft() (left []string) {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(soakPatience); time.Now().Before(end); <-again.C {
		left = slices.DeleteFunc(testkit.Goroutines(), func(g string) bool {
			for _, own := range []string{"stress", "testkit"} { // the tests themselves
				g = strings.ReplaceAll(g, "lastbyte-go/lastbyte/internal/"+own, "")
			}
			return !strings.Contains(g, "lastbyte-go/lastbyte/") && !strings.Contains(g, "net/http.")
		})
		if len(left) == 0 {
			return nil
		}
	}
	return left
}
