package scope

import (
	"context"
	"sync/atomic"
)

// Own is a Scope with an end of its own, besides that of the context around it. Most
// functions are over before anybody has waited for the end of their context; so it is
// made by the first who does, or who ends it early. It may be used by any goroutine.
type Own struct {
	Scope
	end atomic.Pointer[end] // set once
}

// end is a context of package context, and what ends it.
type end struct {
	context.Context
	cancel context.CancelCauseFunc
}

// over is the end of all that nobody has waited for.
var over = func() *end {
	e := new(end)
	e.Context, e.cancel = context.WithCancelCause(context.Background())
	e.cancel(nil)
	return e
}()

// waited gives the end, which is made if there is none.
func (o *Own) waited() *end {
	if e := o.end.Load(); e != nil {
		return e
	}
	e := new(end)
	e.Context, e.cancel = context.WithCancelCause(&o.Scope)
	if !o.end.CompareAndSwap(nil, e) {
		e.cancel(nil) // another was quicker
	}
	return o.end.Load()
}

// Cancel ends the context, as a context.CancelCauseFunc does.
func (o *Own) Cancel(cause error) {
	ordinary := cause == nil || cause == context.Canceled
	if ordinary && o.end.Load() == nil && o.Scope.Err() == nil && o.end.CompareAndSwap(nil, over) {
		return
	}
	o.waited().cancel(cause)
}

// Done is that of a context of package context.
func (o *Own) Done() <-chan struct{} { return o.waited().Done() }

// Err is that of a context of package context, as that of Done: who asks again and again
// waits, too, and what watches the client begins with somebody who waits.
func (o *Own) Err() error { return o.waited().Err() }

// Value is that of the Scope, but for the keys of package context, which finds there
// what its own contexts can be attached to.
func (o *Own) Value(key any) any {
	if e := o.end.Load(); e != nil {
		if v := e.Value(key); v != nil || e != over {
			return v
		}
	}
	return o.Scope.Value(key)
}
