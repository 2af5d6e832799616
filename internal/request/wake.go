package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// wake lets the serving goroutine go on: the ending is decided. returned:
// the handler has, too. It reports whether that comes after the end.
//
// An abort does not call it: nobody waits for the response then, and what limits
// the handlers at work from outside (MaxConcurrentStreams, a throttle) must go
// on counting this one. Else a client could begin requests and leave them
// without end (CVE-2023-39325).
func (d *Detached) wake(returned bool) (late bool) {
	return d.wakeAfter(returned, returned, work.About{})
}

// wakeAfter is wake; left says that the functions inside Detach have returned,
// though their threads may be at work. about says what is known of the handler.
func (d *Detached) wakeAfter(left, returned bool, about work.About) (late bool) {
	r := d.req
	r.mu.Lock()
	late = r.hasAny(lifecycle.Ended)
	d.handlerReturned = d.handlerReturned || returned
	s := r.state.Load()
	next, first := s.Wake(!left && s.HasAny(lifecycle.Answered) && r.rare.last.inside(&d.w))
	r.state.Store(next)
	var refused error
	if first && !d.handlerReturned {
		d.counted = true
		refused = d.owner().Sent(d, about) // under mu: before the handler can be over
	}
	r.mu.Unlock()
	if refused != nil {
		d.Cancel(context.Canceled, refused)
	}
	if first {
		d.decided.Done()
	}
	return late
}

// wake wakes the serving goroutine under Detach.
func (r *Request) wake() {
	if d := r.det.Load(); d != nil && !r.sends() && !r.unfinished(d) { // Send calls wake itself, when it has finished
		d.wake(false)
	}
}

// unfinished reports whether the response stands, and something between Detach
// and the handler may hold part of it, which it gives when the handler has returned.
func (r *Request) unfinished(d *Detached) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hasAny(lifecycle.Stands) && (r.rare.open || r.rare.last.inside(&d.w))
}

// sends reports whether Send has won, also if a HeaderFilter's exit came after it.
func (r *Request) sends() bool {
	switch r.winner() {
	case lifecycle.Sent:
		return true
	case lifecycle.Exited:
		r.mu.Lock()
		defer r.mu.Unlock()
		d := r.det.Load()
		return d != nil && d.eof > 0
	}
	return false
}

// Cancel gives the handler up, see work.Work.
func (d *Detached) Cancel(err, cause error) {
	e := node.NewEnd(err, cause)
	d.node.Cancel(e)
	d.req.endShields(e)
}

func (d *Detached) owner() work.Owner { return d.h.cfg.Owner }
