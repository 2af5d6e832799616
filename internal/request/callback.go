package request

import (
	"context"
	"runtime/pprof"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// abortFunc is a function of abort.AfterFunc. Those of a request are a list, which
// they leave when they begin, when they are stopped, and when the request has drained.
type abortFunc struct {
	f  func(context.Context)
	on context.Context // from callScope

	waits bool       // f has not begun, and was not stopped. Request.mu guards this and what follows
	next  *abortFunc // in the list
	at    **abortFunc
}

// stop takes a back, and reports whether that kept it from running.
func (r *Request) stop(a *abortFunc) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !a.waits {
		return false
	}
	a.waits = false
	a.unlink()
	return true
}

// beginAllLocked begins all that waits for an abort.
func (r *Request) beginAllLocked(check *Check) {
	for x := r.madeLocked(); x != nil && x.aborts != nil; {
		r.beginLocked(check, x.aborts)
	}
}

// beginLocked: the client has left, and the request has not drained.
func (r *Request) beginLocked(check *Check, a *abortFunc) {
	a.waits = false
	a.unlink()
	r.goLocked(func() { r.call(check, a.on, a.f) })
}

// forgetLocked: no abort comes any more. What waits, and nobody has stopped, must not
// be kept as long as a task, or anybody else, keeps the request.
func (r *Request) forgetLocked() {
	for x := r.madeLocked(); x != nil && x.aborts != nil; {
		x.aborts.unlink()
	}
}

func (r *Request) linkLocked(a *abortFunc) {
	first := &r.extraLocked().aborts
	a.waits, a.at, a.next = true, first, *first
	if a.next != nil {
		a.next.at = &a.next
	}
	*first = a
}

// unlink does nothing if a is in no list.
func (a *abortFunc) unlink() {
	if a.at == nil {
		return
	}
	if *a.at = a.next; a.next != nil {
		a.next.at = a.at
	}
	a.next, a.at = nil, nil
}

// callScope gives the context of ctx for call, with a copy of its route: a router in
// between returns before the request's goroutines do. nil: that of the request.
func (r *Request) callScope(ctx context.Context) context.Context {
	if ctx == context.Context(&r.node) {
		r.noteRoute(ctx)
		return nil
	}
	return r.besideScope(ctx)
}

// besideScope is Scope for a context that is part of nothing else.
func (r *Request) besideScope(ctx context.Context) *scope.Scope {
	s := r.Scope(ctx)
	return &s
}

// call runs f, of abort.On or abort.AfterFunc, on a goroutine of its own, which the
// end of the request waits for. on is from callScope.
func (r *Request) call(check *Check, on context.Context, f func(context.Context)) {
	if r.winner() == lifecycle.Aborted {
		r.cancel(context.Canceled, r.abortError()) // so that f finds the contexts as the abort leaves them
	}
	if on == nil {
		on = r.besideScope(&r.node)
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
		o.Track(w, nil)
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
