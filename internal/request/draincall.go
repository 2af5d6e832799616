package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// DrainCall is a function of eof.OnDrain. Its owner has it from OnDrain until the drain
// begins, and tracks it from then on until it has run. The crew holds it until it has run or
// is taken back, which the crew's end does: or begins it, where the drain is about to.
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
	now := owner.OnDrain(c)
	if !crew.Hold(c) { // after OnDrain: a crew that ends in between would leave c there
		c.End() // if it begins, the crew does not run it
		return func() bool { return true }
	}
	if now {
		c.Begin()
	}
	return c.stop
}

// Begin runs the function if it is due and nobody has begun it, see work.Call. Nobody has
// asked for the end of its context before: one for each function that waits would be among
// the children of the request's, in a map that does not shrink.
func (c *DrainCall) Begin() {
	err := c.crew.Enter() // before Due: a crew that asks, and finds it begun, finds this
	switch due := c.owner.Due(c); {
	case !due && err == nil:
		c.crew.Leave()
	case due && err != nil:
		(*drainFunction)(c).ended()
	case due:
		scope.Given(&c.ctx)
		c.member.begin(c.crew, (*drainFunction)(c))
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

// End is for the crew that c was taken from, which has not ended yet: the function runs if a
// drain has begun, even if it is the drain that the crew has ended for.
func (c *DrainCall) End() {
	if !c.owner.OffDrain(c) {
		c.Begin()
	}
}

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
	if r.hasAny(lifecycle.Drained) {
		return false
	}
	r.extraLocked().calls.Add(c)
	return true
}

// Drop is Crew.Drop.
func (r *Request) Drop(c *DrainCall) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.madeLocked(); x != nil {
		x.calls.Remove(c)
	}
}

// endCallsLocked ends what Hold has kept, without the lock in between. False: there is none.
func (r *Request) endCallsLocked() bool {
	x := r.madeLocked()
	if x == nil {
		return false
	}
	calls := x.calls.Take()
	if len(calls) == 0 {
		return false
	}
	r.mu.Unlock()
	defer r.mu.Lock()
	for _, c := range calls {
		c.End()
	}
	return true
}
