package request

import (
	"context"
	"runtime/pprof"

	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

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
		o.Track(w)
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
