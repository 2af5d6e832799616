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
	n atomic.Int32 // calls inside; plus sealed once sealed, plus shut once closed
}

const (
	shut   = math.MinInt32
	sealed = 1 << 30
	inside = sealed - 1
)

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
	if n := g.n.Add(-1); n < 0 && n&inside == 0 {
		r.mu.Lock()
		r.rare.idle.Broadcast() // made by close before it added shut
		r.mu.Unlock()
	}
}

// seal has calls that would write turned away by isSealed, and gives the number
// of calls that are inside. One atomic step does both: a call that is not counted
// enters later, and finds the gate sealed.
func (g *gate) seal() int { return int(g.n.Or(sealed) & inside) }

func (g *gate) isSealed() bool { return g.n.Load()&sealed != 0 }

// busy reports whether a call is inside.
func (g *gate) busy() bool { return g.n.Load()&inside != 0 }

// closed reports whether close was called.
func (g *gate) closed() bool { return g.n.Load() < 0 }

// close is called by one goroutine, and does nothing when it has closed g before.
// kick is called before it waits for calls that are inside, to make them return;
// it may be nil.
func (g *gate) close(r *Request, kick func()) {
	if g.n.Load()&^sealed == shut || g.n.CompareAndSwap(0, shut) {
		return
	}
	r.mu.Lock()
	idle := &r.rareLocked().idle
	r.mu.Unlock()
	if g.n.Add(shut)&inside == 0 {
		return // the last one left between the two looks
	}
	if kick != nil {
		kick()
	}
	r.mu.Lock()
	for g.busy() {
		idle.Wait()
	}
	r.mu.Unlock()
}
