package request

import (
	"math"
	"sync/atomic"
)

// gate stands in front of something that must be left alone after an instant:
// the ResponseWriter and the request body of a server. Calls go in and out;
// close turns away who comes later and waits for who is inside.
//
// It counts instead of excluding, so that a deadline can be set while a Write
// is stuck, and no lock is held while the code behind the gate runs.
type gate struct {
	n atomic.Int32 // calls inside; plus shut once closed
}

const shut = math.MinInt32

func (g *gate) enter() bool {
	for {
		n := g.n.Load()
		if n < 0 {
			return false
		}
		if g.n.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave is told the request that g is of.
func (g *gate) leave(r *Request) {
	if g.n.Add(-1) == shut {
		r.mu.Lock()
		r.extra.calm.Broadcast() // made by close before it added shut
		r.mu.Unlock()
	}
}

// busy reports whether a call is inside.
func (g *gate) busy() bool { return g.n.Load()&math.MaxInt32 != 0 }

// close is called by one goroutine, and does nothing when it has closed g before.
// kick is called before it waits for calls that are inside, to make them return;
// it may be nil.
func (g *gate) close(r *Request, kick func()) {
	if g.n.Load() == shut || g.n.CompareAndSwap(0, shut) {
		return
	}
	r.mu.Lock()
	calm := &r.extraLocked().calm
	r.mu.Unlock()
	if g.n.Add(shut) == shut {
		return // the last one left between the two looks
	}
	if kick != nil {
		kick()
	}
	r.mu.Lock()
	for g.n.Load() != shut {
		calm.Wait()
	}
	r.mu.Unlock()
}
