package bench_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"

	chimw "github.com/go-chi/chi/v5/middleware"
)

// limiting are the middlewares that limit a request's time around h, which is quicker,
// and Detach alone to compare with.
func limiting(tb testing.TB, h http.HandlerFunc) []contender {
	background := eof.New(eof.Options{})
	tb.Cleanup(func() {
		if err := background.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	timeout := exitcode.Timeout(time.Minute, http.StatusGatewayTimeout)
	return []contender{
		{"bare", h},
		{"chiTimeout", chimw.Timeout(time.Minute)(h)},
		{"Timeout", timeout(h)},
		{"TimeoutHandler", http.TimeoutHandler(h, time.Minute, "")},
		{"Detach", background.Detach(h)},
		{"DetachTimeout", background.Detach(timeout(h))},
		{"TimeoutDetach", timeout(background.Detach(h))},
	}
}

func BenchmarkTimeout(b *testing.B) {
	for _, c := range limiting(b, shallow) {
		b.Run(c.name, serving(c.h))
	}
}

// A Timeout costs no more memory than this, and no more time than chi's.
func TestBudget_Timeout(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector slows each of them in its own way")
	}
	list := limiting(t, shallow)
	bareAllocs, bareBytes := cost(list[0].h)
	for _, c := range list {
		most, ok := map[string]float64{"Timeout": 1150, "DetachTimeout": 1600, "TimeoutDetach": 1600}[c.name]
		if allocs, bytes := cost(c.h); ok && (allocs-bareAllocs > 4.5 || bytes-bareBytes > most) {
			t.Errorf("%s costs %.1f allocations and %.0f bytes above the bare handler, want at most 4 and %.0f", c.name, allocs-bareAllocs, bytes-bareBytes, most)
		}
	}
	list = list[1:3]
	for try := range 3 {
		best := quickest(list)
		ratio := float64(best[1]) / float64(best[0])
		if t.Logf("Timeout takes %.2f of chi's, %v", ratio, best); ratio <= 1 {
			return
		} else if try == 2 {
			t.Errorf("Timeout takes %.2f times as long as chi's, want 1 at most", ratio)
		}
	}
}

// quickest gives the time that a request takes of each contender: that of its quickest
// round, in rounds that take turns, so that other work on the machine slows all of them
// or none.
func quickest(list []contender) []time.Duration {
	const rounds, requests = 200, 100
	req, err := http.NewRequest("GET", "http://example.com/", nil)
	if err != nil {
		panic(err)
	}
	base := context.WithValue(context.Background(), http.ServerContextKey, new(http.Server))
	w := &sink{header: make(http.Header)}
	best := make([]time.Duration, len(list))
	for range rounds {
		for i, c := range list {
			begin := time.Now()
			for range requests {
				ctx, cancel := context.WithCancel(base)
				c.h.ServeHTTP(w, req.WithContext(ctx))
				cancel()
			}
			if d := time.Since(begin) / requests; best[i] == 0 || d < best[i] {
				best[i] = d
			}
		}
	}
	return best
}
