// Package gate has a counting gate for a thing that must be left alone from some
// moment on, such as the ResponseWriter and the request body that net/http takes
// back when a handler returns. It has no lock of its own: who waits brings the
// condition. It imports nothing of this module.
package gate

import (
	"math"
	"sync"
	"sync/atomic"
)

// Gate lets calls in and out. Close turns away the calls that come later and
// waits for those that are inside.
//
// It counts the calls and excludes none, so that a deadline can be set while a
// Write is stuck, and no lock is held while the code behind the gate runs. The
// zero value is open. One atomic word holds everything, so that each question
// about the gate is answered for one moment.
type Gate struct {
	n atomic.Int32 // the number of calls inside, plus sealed once sealed, plus shut once closed
}

const (
	shut   = math.MinInt32
	sealed = 1 << 30
	inside = sealed - 1
)

// Waiter is who waits in Close for the calls that are inside.
type Waiter interface {
	// Idle gives the condition that Close waits on and the last call broadcasts.
	// It is the same one at every call, and its lock is not held by the caller.
	Idle() *sync.Cond
}

// Enter lets a call in. It reports false if the gate is closed.
func (g *Gate) Enter() bool {
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

// Leave ends a call that Enter has let in. w is the Waiter that Close is given.
func (g *Gate) Leave(w Waiter) {
	if n := g.n.Add(-1); n < 0 && n&inside == 0 {
		// Close looks at the number with the lock held. So it has either seen this
		// call leave, or it waits and hears the broadcast.
		c := w.Idle()
		c.L.Lock()
		c.Broadcast()
		c.L.Unlock()
	}
}

// Seal has IsSealed tell the calls that would write to turn back, and gives the
// number of calls that are inside. Both happen in one atomic step: a call that is
// not counted enters later, and finds the gate sealed.
func (g *Gate) Seal() int { return int(g.n.Or(sealed) & inside) }

// IsSealed reports whether Seal was called.
func (g *Gate) IsSealed() bool { return g.n.Load()&sealed != 0 }

// Busy reports whether a call is inside.
func (g *Gate) Busy() bool { return g.n.Load()&inside != 0 }

// Closed reports whether Close was called.
func (g *Gate) Closed() bool { return g.n.Load() < 0 }

// Close closes the gate, and returns when no call is inside. It is called by one
// goroutine at a time, and does nothing if the gate was closed before. Before it
// waits for calls that are inside it calls interrupt, which makes them return;
// interrupt may be nil.
func (g *Gate) Close(w Waiter, interrupt func()) {
	if g.n.Load()&^sealed == shut || g.n.CompareAndSwap(0, shut) {
		return
	}
	c := w.Idle()
	if g.n.Add(shut)&inside == 0 {
		return // the last call has left between the two looks
	}
	if interrupt != nil {
		interrupt()
	}
	c.L.Lock()
	defer c.L.Unlock()
	for g.Busy() {
		c.Wait()
	}
}
