package gate_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/internal/gate"
)

// waiter makes its condition when it is first asked, as a request does.
type waiter struct {
	mu    sync.Mutex
	asked int
	cond  *sync.Cond
}

func (w *waiter) Idle() *sync.Cond {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.cond == nil {
		w.cond = sync.NewCond(&w.mu)
	}
	return w.cond
}

func TestGate_NobodyInside(t *testing.T) {
	t.Parallel()
	for _, sealed := range []bool{false, true} {
		var g gate.Gate
		var w waiter
		if !g.Enter() || !g.Busy() {
			t.Fatalf("an open gate: Enter failed, or Busy is false, sealed %v", sealed)
		}
		if sealed {
			if n := g.Seal(); n != 1 {
				t.Errorf("Seal with one call inside = %d, want 1", n)
			}
		}
		if g.IsSealed() != sealed {
			t.Errorf("IsSealed = %v, want %v", g.IsSealed(), sealed)
		}
		g.Leave(&w)
		for range 2 {
			g.Close(&w, func() { t.Error("interrupt was called with nobody inside") })
			if g.Enter() || !g.Closed() || g.Busy() || g.IsSealed() != sealed {
				t.Errorf("after Close: Closed %v, Busy %v, IsSealed %v, want true, false, %v, and no Enter", g.Closed(), g.Busy(), g.IsSealed(), sealed)
			}
		}
		if !sealed && w.asked > 0 {
			t.Errorf("Idle was asked for %d times, want 0: nobody had to wait", w.asked)
		}
	}
}

func TestGate_SealLetsIn(t *testing.T) {
	t.Parallel()
	var g gate.Gate
	if n := g.Seal(); n != 0 {
		t.Errorf("Seal of an empty gate = %d, want 0", n)
	}
	if !g.Enter() {
		t.Error("Enter at a sealed gate = false, want true: who enters asks IsSealed")
	}
	if n := g.Seal(); n != 1 {
		t.Errorf("second Seal = %d, want 1", n)
	}
}

func TestGate_CloseWaitsForCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate.Gate
		var w waiter
		const calls = 3
		release := make(chan struct{})
		var left sync.WaitGroup
		for range calls {
			if !g.Enter() {
				t.Fatal("Enter of an open gate = false")
			}
			left.Go(func() {
				<-release
				g.Leave(&w)
			})
		}
		interrupted := 0
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			g.Close(&w, func() { interrupted++ })
		}()
		for i := range calls {
			synctest.Wait()
			select {
			case <-closed:
				t.Fatalf("Close returned with %d calls inside", calls-i)
			default:
			}
			if g.Enter() {
				t.Fatal("Enter of a closed gate = true")
			}
			release <- struct{}{}
		}
		<-closed
		left.Wait()
		if interrupted != 1 {
			t.Errorf("interrupt was called %d times, want 1", interrupted)
		}
	})
}

// The last call leaves at the moment at which Close begins to wait: nothing may be
// lost between the two.
func TestGate_Stress(t *testing.T) {
	t.Parallel()
	for range 2000 {
		var g gate.Gate
		var w waiter
		guarded := 0 // the race detector sees a call that Close did not wait for
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range 2 {
			wg.Go(func() {
				for g.Enter() {
					mu.Lock()
					guarded++
					mu.Unlock()
					g.Leave(&w)
				}
			})
		}
		g.Close(&w, nil)
		guarded++
		wg.Wait()
	}
}
