package request

import (
	"context"
	"time"
)

// inner is a context of package context, and how it learns of the end.
type inner struct {
	context.Context
	cancel func()
	free   context.CancelFunc // of no use: the root ends it
}

// own gives the Node's inner context and begins the watch of the parent.
func (n *Node) own() context.Context {
	if in := n.made(); in != nil {
		return in.Context
	}
	in := new(inner)
	in.Context, in.free = context.WithCancel(&root{n, in})
	if !n.inner.CompareAndSwap(nil, in) {
		in = n.inner.Load()
	}
	if n.end.Load() != nil {
		in.cancel()
	} else {
		n.follow()
		if n.judge != nil {
			n.followPeer()
		}
	}
	return in.Context
}

// made gives the inner context, nil if there is none yet. An end is seen by all
// at once: who ended n, or made inner, may be only about to cancel it.
func (n *Node) made() *inner {
	in := n.inner.Load()
	if in != nil && n.end.Load() != nil && in.Err() == nil {
		in.cancel()
	}
	return in
}

// root is the parent of inner.
type root struct {
	n  *Node
	in *inner
}

// unending is the Done of every root: package context calls AfterFunc instead.
var unending = make(chan struct{})

func (r *root) Deadline() (time.Time, bool) { return time.Time{}, false }
func (r *root) Done() <-chan struct{}       { return unending }

func (r *root) Err() error {
	if e := r.n.end.Load(); e != nil {
		return e.err
	}
	return nil
}

func (r *root) Value(key any) any {
	if e := r.n.end.Load(); e != nil {
		return e.cause.Value(key)
	}
	return nil
}

func (r *root) AfterFunc(f func()) func() bool {
	r.in.cancel = f
	return func() bool { return true }
}
