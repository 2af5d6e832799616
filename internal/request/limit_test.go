package request

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Requests that begin, come to their Timeout some time later, and end, in any order: each
// that has not ended is told of its time when it has come, and not before; and nobody is
// kept.
func TestX17_List(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			const after = time.Second
			r := rand.New(rand.NewPCG(seed, 0))
			var mu sync.Mutex
			told := make(map[time.Duration]int) // by when
			l := NewLimit(after, nil)
			l.exit = func() *Exit {
				mu.Lock()
				defer mu.Unlock()
				told[work.Now()]++
				return &Exit{Code: 504}
			}
			want := make(map[time.Duration]int)
			var open []*Request
			for range 300 {
				switch n := r.IntN(10); {
				case n < 6:
					one := new(Request)
					one.state.Store(lifecycle.Returned) // it has its ending: so what is told does nothing more
					one.start = work.Now() - time.Duration(r.IntN(4)*r.IntN(4))*50*time.Millisecond
					x := one.rareLocked()
					one.mu.Lock()
					x.limit, x.limited = l, limited{r: one, at: one.start + after}
					if !l.list(&x.limited) {
						x.limited.alone()
					}
					one.mu.Unlock()
					want[x.limited.at]++
					open = append(open, one)
				case n < 9 && len(open) > 0:
					i := r.IntN(len(open))
					one := open[i]
					open = append(open[:i], open[i+1:]...)
					one.mu.Lock()
					at := one.rare.limited.at
					one.liftLimitLocked()
					one.mu.Unlock()
					if at > work.Now() {
						want[at]--
					}
				default:
					time.Sleep(time.Duration(r.IntN(7)) * 51 * time.Millisecond)
					synctest.Wait()
				}
			}
			time.Sleep(2 * after)
			synctest.Wait()
			for at, n := range want {
				if told[at] != n {
					t.Errorf("seed %d: %d requests are told at %v, want %d", seed, told[at], at, n)
				}
				delete(told, at)
			}
			if len(told) > 0 {
				t.Errorf("seed %d: requests are told at %v, want none", seed, told)
			}
			if l.first != nil || l.last != nil || l.fires != 0 {
				t.Errorf("seed %d: the list keeps %v, %v, %v, want nothing", seed, l.first, l.last, l.fires)
			}
		})
	}
}

// A Timeout may be made for one request. Then nothing of it is left when that has ended.
func TestX17_ForOneRequest(t *testing.T) {
	serve := func() weak.Pointer[Limit] {
		l := NewLimit(time.Hour, nil)
		h := Handler(&Config{Limit: l}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		return weak.Make(l)
	}
	l := serve()
	for range 100 {
		if runtime.GC(); l.Value() == nil {
			return
		}
	}
	t.Error("the Limit is kept, want it gone")
}
