package node

import (
	"context"
	"time"
)

// Open is a Node that ends with its parent, too, until Unhook. It has no Deadline,
// though its parent may have one: package context turns a child's timeout into a
// mere child of an earlier deadline above it, and under Detach that one no longer
// applies after Send.
type Open struct{ Node }

var _ context.Context = (*Open)(nil)

// Deadline says that there is none.
func (*Open) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed when the parent has ended, or by Cancel.
func (o *Open) Done() <-chan struct{} { return o.followed().Done() }

// AfterFunc is context.AfterFunc.
func (o *Open) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(o.followed(), f) }

// Err is the parent's, or that of Cancel, whichever came first. As Done does, it has the
// parent followed.
func (o *Open) Err() error {
	if o.Ended() == nil {
		o.followed()
	}
	o.poll()
	return o.Node.Err()
}

func (o *Open) followed() context.Context {
	std, first := o.Materialize()
	if first && o.parent.Done() != nil {
		o.Follow(o.poll)
	}
	return std
}

// poll looks whether the parent has ended.
func (o *Open) poll() {
	if o.Ended() == nil && o.ParentEnded() {
		o.Cancel(NewEnd(o.parent.Err(), context.Cause(o.parent)))
	}
}
