package request

import (
	"context"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/node"
)

// limitLocked has l count from here on, in place of the Limit that an outer middleware has
// set. There is one timer for all of them. No goroutine waits: the timer starts one
// when it fires, and the end of the request waits for that one, as for any other of
// the request's (hold).
func (r *Request) limitLocked(l *Limit) {
	switch s := r.state.Load(); {
	case s.Decided() || s.HasAny(lifecycle.Hijacked):
		return
	case l.After == 0:
		r.liftLimitLocked()
		return
	}
	x := r.rareLocked()
	x.limit = l
	if wait := l.After - r.Age(); x.timer == nil {
		x.timer = time.AfterFunc(wait, r.expire)
	} else {
		x.timer.Reset(wait)
	}
}

// expire is called by the timer, on a goroutine of its own.
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
	e, s, top := x.limit.Exit(), r.state.Load(), r.topLocked()
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
