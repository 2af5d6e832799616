package request

import "github.com/lastbyte-go/lastbyte/internal/lifecycle"

// drain waits for the request's goroutines. When it returns there are none, and
// none can begin. That is the move to returned: in one step, so that an exit by
// the last thread still counts. It reports whether that is the ending.
func (r *Request) drain() bool {
	if r.node.Parent().Err() != nil || r.hasAny(lifecycle.Hijacked) || r.bodyUnread() {
		r.mu.Lock()
		r.state.Store(r.state.Load().NoteReturned())
		r.mu.Unlock()
		r.look() // a client that left unnoticed still has a callback to run
		if !r.hasAny(lifecycle.ClientGone) {
			r.awaitFIN()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.waitLocked(); r.endCallsLocked(); r.waitLocked() { // a call may begin one more
	}
	r.carryFormsLocked()
	next, won := r.state.Load().Drain()
	r.state.Store(next)
	r.forgetLocked()
	return won
}

// waitLocked waits until no goroutine of the request is left, for drain.
func (r *Request) waitLocked() {
	for r.goroutines > 0 {
		r.state.Store(r.state.Load().NoteReturned())
		if r.det.Load() == nil && r.winner() == lifecycle.Exited && !r.body.gate.Closed() {
			r.overtakeLocked()
			continue
		}
		r.extraLocked().idle.Wait()
	}
}

// overtakeLocked gives the response of an exit ahead of the threads, without the lock in
// between. A thread that waits for the client in a read of the body would be waited for
// in turn, and so would the client be. This is the serving goroutine.
func (r *Request) overtakeLocked() {
	r.mu.Unlock()
	defer r.mu.Lock() // deferred: a HeaderFilter may panic; whoever recovers that drains again
	r.body.gate.Close(r, r.interruptRead)
	r.respondEarly()
}
