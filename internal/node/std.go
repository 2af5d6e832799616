package node

import (
	"context"
	"time"
)

// std is a context of package context, and how it learns of the end.
type std struct {
	context.Context
	cancel func()
	free   context.CancelFunc // of no use: the root ends it
}

// Materialize gives a context of package context that ends as n does. first is true
// as long as nobody has asked before and n has not ended: it is time to follow what
// else may end n.
func (n *Node) Materialize() (ctx context.Context, first bool) {
	if s := n.made(); s != nil {
		return s.Context, false
	}
	s := new(std)
	s.Context, s.free = context.WithCancel(&root{n, s})
	if !n.std.CompareAndSwap(nil, s) {
		s = n.std.Load()
	}
	if n.end.Load() != nil {
		s.cancel()
		return s.Context, false
	}
	return s.Context, true
}

// made gives std, nil if there is none yet. An end is seen by all at once: who ended
// n, or made std, may be only about to cancel it.
func (n *Node) made() *std {
	s := n.std.Load()
	if s != nil && n.end.Load() != nil && s.Err() == nil {
		s.cancel()
	}
	return s
}

// root is the parent of std.
type root struct {
	n   *Node
	std *std
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
	r.std.cancel = f
	return func() bool { return true }
}
