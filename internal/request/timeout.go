package request

import (
	"context"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// limitLocked has l count from here on, in place of the Limit that an outer middleware has
// set. No goroutine waits: a timer starts one when it fires, and the end of the request
// waits for that one, as for any other of the request's (hold).
func (r *Request) limitLocked(l *Limit) {
	if s := r.state.Load(); s.Decided() || s.HasAny(lifecycle.Hijacked) {
		return
	}
	if r.liftLimitLocked(); l.After == 0 {
		return
	}
	x := r.rareLocked()
	x.limit, x.limited.r, x.limited.at = l, r, r.start+l.After
	l.add(&x.limited)
}

// liftLimitLocked ends the limit. Who has been taken out of the list meanwhile finds
// none, or no request that is still undecided.
func (r *Request) liftLimitLocked() {
	if x := r.rare; x != nil && x.limit != nil {
		x.limit.remove(&x.limited)
		x.limit = nil
	}
}

// deadline is when the request exits by its Limit, if it has one.
func (r *Request) deadline() (t time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare == nil || r.rare.limit == nil {
		return time.Time{}, false
	}
	return work.Date(r.rare.limited.at), true
}

// isDeadline reports whether t is that moment. The timer of the limit ends what Shield
// gave out, too.
func (r *Request) isDeadline(t time.Time) bool {
	own, ok := r.deadline()
	return ok && own.Equal(t)
}

// expire is called when the limit has passed, see Limit.add.
func (r *Request) expire() {
	if !r.hold() {
		return
	}
	defer r.release()
	e, result := r.expireMove()
	switch result {
	case lifecycle.ExitDrops:
		r.cancel(context.DeadlineExceeded, e.Cause)
		r.dropNow()
	case lifecycle.ExitPage:
		r.cancel(context.DeadlineExceeded, e.Cause)
		r.releaseRead()
	default:
		if e != nil && r.winner() == lifecycle.Aborted { // what Shield gave out has outlived that
			r.endShields(node.NewEnd(context.DeadlineExceeded, e.Cause))
		}
		return
	}
	r.wake()
}

// expireMove makes the limit's exit the ending if the time is up, see
// [lifecycle.State.Expire]. If it is not, an inner middleware has set the timer anew.
func (r *Request) expireMove() (*Exit, lifecycle.ExitResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.rare // limitLocked has made it
	if x.limit == nil || r.Age() < x.limit.After {
		return nil, lifecycle.ExitLate
	}
	e, s, top := x.limit.exit(), r.state.Load(), r.topLocked()
	next, result := s.Expire(e.Code)
	r.state.Store(next)
	if result.Won() {
		r.wonLocked(e, top)
		x.broken = x.broken || s.HasAny(lifecycle.Committed)
	}
	return e, result
}

// releaseRead has a read of the body return that waits for the client: without Detach
// the answer has to wait for the handler. A read that begins now finds the request
// exited: each side notes what it does before it looks at what the other has noted.
// Under Detach the serving goroutine does this when it closes the gates.
func (r *Request) releaseRead() {
	if r.det.Load() == nil && r.body.gate.Busy() && r.w.gate.Enter() {
		defer r.w.gate.Leave(r)
		r.interruptRead()
	}
}
