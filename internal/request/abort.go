package request

import (
	"context"
	"runtime/pprof"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Check is the setting of an abort middleware.
type Check struct {
	IgnoreHalfClose bool
	CallbackTimeout time.Duration
	NewError        func(reason string, after time.Duration, err error) error // makes an *abort.Error
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
		on = r.Scope(ctx) // now: a router in between returns before the threads do
	} else {
		r.noteRoute(ctx)
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
	r.node.poll() // a watch that began earlier may have told nobody
	return nil
}

// cancel ends the contexts of the request; what is shielded, too, unless the
// cause is an abort.
func (r *Request) cancel(err, cause error) {
	e := node.NewEnd(err, cause)
	r.node.Cancel(e)
	if d := r.det.Load(); d != nil {
		d.node.Cancel(e)
	}
	if cause != r.abortError() {
		r.endShields(e)
	}
}

// call runs the abort callback on a goroutine of its own, which the end of the
// request waits for.
func (r *Request) call(check *Check, f func(context.Context)) {
	var on context.Context
	r.mu.Lock()
	if x := r.rare; x != nil {
		on = x.on
	}
	r.mu.Unlock()
	if on == nil {
		on = r.Scope(&r.node)
	}
	ctx := context.WithoutCancel(on)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(context.Canceled)
	if check.CallbackTimeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, check.CallbackTimeout)
		defer stop()
	}
	if o := r.Owner(); o != nil {
		w := &callback{cancel: cancel}
		o.Track(w, false)
		defer o.Untrack(w)
	}
	pprof.SetGoroutineLabels(ctx) // the goroutine was started by a witness
	r.run(scope.Beside, func() { f(ctx) }, func(l usercall.Left) { r.logPanic(ctx, "abort callback", l) })
}

// callback is a running callback, for a shutdown that gives up.
type callback struct {
	cancel context.CancelCauseFunc
	entry  work.Entry
}

func (c *callback) Entry() *work.Entry { return &c.entry }

func (c *callback) Cancel(_, cause error) { c.cancel(cause) }
