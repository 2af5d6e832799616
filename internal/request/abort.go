package request

import (
	"context"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// Check is the setting of an abort middleware.
type Check struct {
	IgnoreHalfClose bool
	CallbackTimeout time.Duration
	NewError        func(reason, stage string, after time.Duration, err error) error // makes an *abort.Error
}

// abortMove records that the client left, see [lifecycle.State.Abort]. goLocked is told
// to run the callback, if it is its time.
func (r *Request) abortMove(check *Check, reason string, err error, goLocked func(f func())) {
	r.mu.Lock()
	f := r.callback
	s := r.state.Load()
	next, result := s.Abort(f != nil, r.goroutines == 0)
	if result == lifecycle.AbortLate {
		r.mu.Unlock()
		return
	}
	x := r.rareLocked()
	cause := check.NewError(reason, s.Stage(r.reading()), r.Age(), err)
	x.abort = cause
	r.state.Store(next)
	switch result {
	case lifecycle.AbortCalls:
		var on context.Context
		if m := x.extra; m != nil {
			on = m.on
		}
		goLocked(func() { r.call(check, on, f) })
	case lifecycle.AbortWins:
		x.last = r.topLocked()
	}
	r.beginAllLocked(check)
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
	on := r.callScope(ctx)
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
		r.extraLocked().on = on
	}
	late := s.HasAny(lifecycle.ClientGone)
	if late {
		r.goLocked(func() { r.call(check, on, f) })
	}
	r.mu.Unlock()
	r.listen(late)
	return nil
}

// AfterFunc registers f, see abort.AfterFunc. stop is nil if f never runs.
func (r *Request) AfterFunc(ctx context.Context, f func(context.Context)) (stop func() bool) {
	check := r.check()
	a := &abortFunc{f: f, on: r.callScope(ctx)}
	r.mu.Lock()
	s := r.state.Load()
	if check == nil || !s.MayLearn() {
		r.mu.Unlock()
		return nil
	}
	r.linkLocked(a)
	late := s.HasAny(lifecycle.ClientGone)
	if late {
		r.beginLocked(check, a)
	}
	r.mu.Unlock()
	r.listen(late)
	return func() bool { return r.stop(a) }
}

// listen has the client's end noticed, unless it was noticed before.
func (r *Request) listen(late bool) {
	if !late {
		r.node.listen()
		r.node.poll() // a watch that began earlier may have told nobody
	}
}
