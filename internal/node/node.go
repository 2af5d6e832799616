// Package node makes contexts whose end lastbyte decides: those of requests, of
// detached handlers and of abort.Shield. An end is one atomic step; Node.mu is held
// while a watch of the parent or of the connection begins, and for nothing else. The
// package imports nothing of this module.
package node

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Node is a context that ends by Cancel, and by nothing else: its values are its
// parent's, its end is not, unless the Node is part of another type that has it so.
// Such a type asks ParentEnded in its Err, and calls Follow when somebody waits for
// the end. Until then nothing is set up: no context of package context before Done
// or AfterFunc, and no watch of the parent.
//
// Package context attaches children to, and finds causes in, contexts of its own
// alone. The first Done makes one such, std, whose parent is a root that ends as the
// Node does; the Node answers with the channel of std and with its values for the
// keys of package context. So a child costs no goroutine, however many contexts
// with values are between it and the Node.
type Node struct {
	parent context.Context

	end   atomic.Pointer[End] // set once; who sets it looks for std then
	std   atomic.Pointer[std] // set once; who sets it looks for end then
	watch atomic.Uint32       // what is watched, and unhooked

	Notes atomic.Uint32 // for the type that has the Node: there is room for it here

	mu   sync.Mutex  // held while a watch begins: Unhook waits for that
	stop func() bool // ends the watch of the parent
}

// What a Node watches. unhooked: the parent's end does not end the Node any more, and
// no watch begins from then on.
const (
	theParent uint32 = 1 << iota
	thePeer          // of the connection
	unhooked
)

// End says how a Node ended.
type End struct {
	err   error           // what Err says
	cause context.Context // answers context.Cause
}

// NewEnd gives an End for which Err is err, and context.Cause is cause.
func NewEnd(err, cause error) *End {
	c, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return &End{err: err, cause: c}
}

// HandlerReturned ends the contexts of requests that nothing special happened to.
var HandlerReturned = NewEnd(context.Canceled, context.Canceled)

var _ context.Context = (*Node)(nil)

// New gives a Node with the values of parent.
func New(parent context.Context) *Node { return &Node{parent: parent} }

// Init is New for a Node that is part of something else. It is called once, before
// anybody else knows the Node.
func (n *Node) Init(parent context.Context) { n.parent = parent }

// Parent is the context whose values n has.
func (n *Node) Parent() context.Context { return n.parent }

// Deadline is the parent's.
func (n *Node) Deadline() (time.Time, bool) { return n.parent.Deadline() }

// Value is the parent's, but for the keys of package context.
func (n *Node) Value(key any) any {
	if s := n.made(); s != nil {
		if v := s.Value(key); v != nil {
			return v
		}
	} else if e := n.end.Load(); e != nil {
		if v := e.cause.Value(key); v != nil {
			return v
		}
	}
	return n.parent.Value(key)
}

// Done is closed by Cancel.
func (n *Node) Done() <-chan struct{} {
	std, _ := n.Materialize()
	return std.Done()
}

// AfterFunc is context.AfterFunc.
func (n *Node) AfterFunc(f func()) (stop func() bool) {
	std, _ := n.Materialize()
	return context.AfterFunc(std, f)
}

// Err is nil before Cancel.
func (n *Node) Err() error {
	e := n.end.Load()
	if e == nil {
		return nil
	}
	n.made() // Done does not lag behind Err
	return e.err
}

// Cancel ends n with e. It reports whether n had not ended before.
func (n *Node) Cancel(e *End) bool {
	if !n.end.CompareAndSwap(nil, e) {
		return false
	}
	if s := n.std.Load(); s != nil {
		s.cancel()
	}
	return true
}

// Ended gives what n has ended with, nil if it has not.
func (n *Node) Ended() *End { return n.end.Load() }
