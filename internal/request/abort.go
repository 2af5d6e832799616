package request

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/verdict"
)

// Check is the setting of an abort middleware.
type Check struct {
	IgnoreHalfClose bool
	CallbackTimeout time.Duration
	NewError        func(reason string, after time.Duration, err error) error // makes an *abort.Error
}

// outerEnded judges why the context around the outermost middleware ended.
// net/http cancels it with a bare context.Canceled when the client leaves, but
// also when the server closes or a deadline of the handler's passes.
func (r *Request) outerEnded() {
	if r.mayHaveLeft() {
		reason, by := r.verdict(verdict.Unverified, nil)
		switch {
		case r.hasAny(lifecycle.ClientGone): // asked after the verdict: a call that has just failed knew better
			return
		case by == verdict.Client:
			if check := r.check(); check != nil {
				r.abortMove(check, reason, nil)
			}
			return
		case by == verdict.Undecided, by == verdict.Nobody:
			return
		}
	}
	r.node.cancel(newEnding(r.node.parent.Err(), context.Cause(r.node.parent)))
}

// judge decides on the evidence of one witness whether the client left. It
// reports whether an abort is recorded for the request, by whomever.
func (r *Request) judge(reason string, err error) bool {
	if check := r.check(); check != nil {
		if reason, by := r.verdict(reason, err); by == verdict.Client {
			r.abortMove(check, reason, err)
		}
	}
	return r.hasAny(lifecycle.ClientGone)
}

// abortMove records that the client left, see [lifecycle.State.Abort].
func (r *Request) abortMove(check *Check, reason string, err error) {
	r.mu.Lock()
	f := r.callback
	next, result := r.state.Load().Abort(f != nil, r.goroutines == 0)
	if result == lifecycle.AbortLate {
		r.mu.Unlock()
		return
	}
	x := r.rareLocked()
	cause := check.NewError(reason, r.Age(), err)
	x.abort = cause
	r.state.Store(next)
	switch result {
	case lifecycle.AbortCalls:
		r.goLocked(func() { r.call(check, f) })
	case lifecycle.AbortWins:
		x.last = r.topLocked()
	}
	r.mu.Unlock()
	if result != lifecycle.AbortWins {
		return
	}
	r.cancel(context.Canceled, cause)
	if r.http1() && r.w.gate.Busy() {
		r.dropNow() // a Write that is stuck has nobody to wait for
	}
	// Under Detach, too, ServeHTTP waits for the handler: see Detached.wake.
}

// On registers f, see abort.On.
func (r *Request) On(ctx context.Context, f func(context.Context)) error {
	check := r.check()
	var on context.Context
	if ctx != context.Context(&r.node) {
		on = r.Scope(ctx) // now: a router in between is back before the threads are
	}
	r.mu.Lock()
	s := r.state.Load()
	switch {
	case !s.MayRegister():
		r.mu.Unlock()
		return ErrEnded
	case check == nil:
		r.mu.Unlock()
		return ErrCheckOff
	case r.callback != nil:
		r.mu.Unlock()
		return ErrDuplicate
	}
	r.callback = f
	if on != nil {
		r.rareLocked().on = on
	}
	late := s.HasAny(lifecycle.ClientGone)
	if late {
		r.goLocked(func() { r.call(check, f) })
	}
	r.mu.Unlock()
	if late {
		return nil
	}
	r.node.follow()
	r.node.followPeer()
	r.node.poll() // a watch that began earlier may have told nobody
	return nil
}

// Abort gives the *abort.Error of a client that left, after a look. err is what
// made the caller ask; nil: nothing.
func (r *Request) Abort(err error) (error, bool) {
	if r.check() == nil {
		return nil, false
	}
	if s := r.state.Load(); !s.HasAny(lifecycle.ClientGone) && !s.Decided() {
		r.node.poll()
		if !r.hasAny(lifecycle.ClientGone) {
			r.lookAtPeer() // who asks gets an answer, also where net/http waits for nothing
		}
		if !r.hasAny(lifecycle.ClientGone) && err != nil && !timedOut(err) {
			r.awaitFIN()
		}
	}
	if !r.hasAny(lifecycle.ClientGone) {
		return nil, false
	}
	return r.abortError(), true
}

// look asks the witnesses that answer without waiting.
func (r *Request) look() {
	r.node.poll()
	if !r.hasAny(lifecycle.ClientGone) && (r.hasAny(lifecycle.Hijacked) || r.bodyUnread()) {
		r.lookAtPeer()
	}
}

// writeFailed judges the error of a write.
func (r *Request) writeFailed(err error) error {
	late := timedOut(err)
	if late && r.http1() {
		r.note(writeTimedOut)
		return err
	}
	if r.check() == nil || r.hasAny(lifecycle.Hijacked|lifecycle.Dropping) {
		return err
	}
	if !late && !verdict.Suspicious(err) && !r.mayHaveLeft() || errors.Is(err, http.ErrHandlerTimeout) {
		return err // http.ErrContentLength, an outer writer's own error
	}
	r.judge(verdict.WriteFailed, err)
	return err
}

// cancel ends the contexts of the request; what is shielded, too, unless the
// cause is an abort.
func (r *Request) cancel(err, cause error) {
	e := newEnding(err, cause)
	r.node.cancel(e)
	if d := r.det.Load(); d != nil {
		d.node.cancel(e)
	}
	if cause != r.abortError() {
		r.endShields(e)
	}
}
