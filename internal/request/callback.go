package request

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"runtime/pprof"
)

// call runs the abort callback on a goroutine of its own, which the end of the
// request waits for.
func (r *Request) call(check *Check, f func(context.Context)) {
	var on context.Context
	r.mu.Lock()
	if x := r.extra; x != nil {
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
	r.guard("abort callback", func() { f(ctx) })
}

// callback is a running callback, for a shutdown that gives up.
type callback struct {
	cancel context.CancelCauseFunc
	entry  Entry
}

func (c *callback) Entry() *Entry { return &c.entry }

func (c *callback) Cancel(_, cause error) { c.cancel(cause) }

// guard runs f and logs a panic of it. A Throw has said what it wants by then.
func (r *Request) guard(what string, f func()) (v any, stack []byte) {
	defer func() {
		if v = recover(); v == nil || v == http.ErrAbortHandler && r.winner() == exited {
			v = nil
			return
		}
		stack = debug.Stack()
		r.Log(fmt.Sprintf("lastbyte: panic in %s: %v\n%s", what, v, stack))
	}()
	f()
	return nil, nil
}
