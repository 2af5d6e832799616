package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// DrainCall is a function of eof.OnDrain. Its owner has it from OnDrain until the drain
// begins, and tracks it from then on until it has run; the crew knows it as long as the
// owner does, and takes it back when it ends.
type DrainCall struct {
	crew   Crew
	owner  work.Owner
	f      func(context.Context)
	ctx    scope.Own
	member Member
	entry  work.Entry

	held       bool // the crew's lock guards this and the next
	prev, next *DrainCall
}

// OnDrain has f run in a goroutine of crew when a drain of owner begins, with a context
// like ctx, unless stop is called before.
func OnDrain(ctx context.Context, crew Crew, owner work.Owner, f func(context.Context)) (stop func() bool) {
	c := &DrainCall{crew: crew, owner: owner, f: f, ctx: scope.Own{Scope: crew.Scope(ctx)}}
	switch {
	case owner.OnDrain(c):
		c.Begin()
	case !crew.Hold(c): // after OnDrain: a crew that ends in between would leave c there
		c.stop() // or it has begun, and the crew does not run it
		return func() bool { return true }
	}
	return c.stop
}

// Begin runs the function, see work.Call. Nobody has asked for the end of its context
// before: one for each function that waits would be among the children of the request's,
// in a map that does not shrink.
func (c *DrainCall) Begin() {
	scope.Given(&c.ctx)
	if c.member.Start(c.crew, (*drainFunction)(c)) != nil {
		(*drainFunction)(c).ended()
	}
}

// drainFunction is a DrainCall as its crew sees it.
type drainFunction DrainCall

func (f *drainFunction) Call()                    { f.f(&f.ctx) }
func (f *drainFunction) Over(usercall.Left)       { f.ended() }
func (f *drainFunction) Context() context.Context { return &f.ctx }
func (f *drainFunction) What() string             { return "function of OnDrain" }

func (f *drainFunction) ended() {
	f.ctx.Cancel(context.Canceled)
	f.crew.Drop((*DrainCall)(f))
	f.owner.Untrack((*DrainCall)(f))
}

func (c *DrainCall) stop() bool {
	if !c.owner.OffDrain(c) {
		return false
	}
	c.crew.Drop(c)
	return true
}

// End is stop for the crew that c was taken from.
func (c *DrainCall) End() { c.owner.OffDrain(c) }

// Cancel gives c up, see work.Work. It may come before Begin.
func (c *DrainCall) Cancel(_, cause error) { c.ctx.Cancel(cause) }

// Entry is for the owner, see work.Work.
func (c *DrainCall) Entry() *work.Entry { return &c.entry }

// DrainList is the functions of OnDrain that a crew holds, in no order. The crew's lock
// guards it.
type DrainList struct{ first *DrainCall }

// Add adds c.
func (l *DrainList) Add(c *DrainCall) {
	c.held, c.next = true, l.first
	if c.next != nil {
		c.next.prev = c
	}
	l.first = c
}

// Remove removes c, which need not be there.
func (l *DrainList) Remove(c *DrainCall) {
	if !c.held {
		return
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	c.held, c.prev, c.next = false, nil, nil
}

// Take removes all, and gives them.
func (l *DrainList) Take() (all []*DrainCall) {
	for l.first != nil {
		all = append(all, l.first)
		l.Remove(l.first)
	}
	return all
}

// Hold is Crew.Hold.
func (r *Request) Hold(c *DrainCall) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hasAny(lifecycle.Drained | lifecycle.Done) {
		return false
	}
	r.rareLocked().calls.Add(c)
	return true
}

// Drop is Crew.Drop.
func (r *Request) Drop(c *DrainCall) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare != nil {
		r.rare.calls.Remove(c)
	}
}

// callsLocked takes what Hold has kept: who takes it ends it, without the lock.
func (r *Request) callsLocked() []*DrainCall {
	if r.rare == nil {
		return nil
	}
	return r.rare.calls.Take()
}

func endCalls(calls []*DrainCall) {
	for _, c := range calls {
		c.End()
	}
}
