package request

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
)

// Node is a context whose end lastbyte decides: its values are its parent's,
// its end may come from its parent, from an ending of the request, or from
// both. Nothing is set up before someone asks: nothing of package context
// before Done or AfterFunc, no watch of the parent before those or an On, and
// Err looks at the parent itself.
//
// package context hangs children and finds causes through a value of its own
// kind of context. The first Done makes one such, inner, whose parent is a root
// that ends as the Node says; the Node answers with inner's value and inner's
// channel. So a child costs no goroutine, however many values lie between.
type Node struct {
	parent context.Context
	judge  *Request // of the request's own Node: it judges why the parent ended. nil: the parent's end is this one's

	end   atomic.Pointer[ending] // set once; who sets it looks for inner then
	inner atomic.Pointer[inner]  // set once; who sets it looks for end then
	watch atomic.Uint32          // what is watched, since somebody has asked for the end; and unhooked
	notes atomic.Uint32          // of the request's own Node: see note.go

	mu   sync.Mutex  // held while a watch begins: who ends it waits
	stop func() bool // ends the watch of parent
}

// What a Node watches. unhooked: the parent's end is no longer this one's, and no
// watch begins any more.
const (
	theParent uint32 = 1 << iota
	thePeer          // of the connection
	unhooked
)

func (n *Node) watches(what uint32) bool { return n.watch.Load()&what != 0 }

// ending says how a Node ended.
type ending struct {
	err   error           // what Err says
	cause context.Context // answers context.Cause
}

var _ context.Context = (*Node)(nil)

func (n *Node) Deadline() (time.Time, bool) { return n.parent.Deadline() }

// openNode has no Deadline, though its parent may have one: package context
// turns a child's timeout into a mere child of an earlier deadline above it, and
// under Detach that one stops to apply at Send.
type openNode struct{ Node }

func (*openNode) Deadline() (time.Time, bool) { return time.Time{}, false }

func (n *Node) Value(key any) any {
	if n.judge != nil {
		switch key {
		case requestKey{}:
			return n.judge
		case scopeKey{}, conn.Key{}:
			return nil // they say nothing of a request that is served inside this one
		case http.LocalAddrContextKey:
			if a := n.judge.localAddr(); a != nil {
				return a
			}
		}
	}
	if in := n.made(); in != nil {
		if v := in.Value(key); v != nil {
			return v
		}
	} else if e := n.end.Load(); e != nil {
		if v := e.cause.Value(key); v != nil {
			return v
		}
	}
	return n.parent.Value(key)
}

func (n *Node) Done() <-chan struct{} { return n.own().Done() }

// AfterFunc is context.AfterFunc.
func (n *Node) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(n.own(), f) }

func (n *Node) Err() error {
	if n.end.Load() == nil {
		n.poll()
	}
	e := n.end.Load()
	if e == nil {
		return nil
	}
	n.made() // Done does not lag behind Err
	return e.err
}

// handlerReturned ends the contexts of requests that came to nothing special.
var handlerReturned = newEnding(context.Canceled, context.Canceled)

func newEnding(err, cause error) *ending {
	c, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return &ending{err: err, cause: c}
}

// cancel ends n, unless it has ended.
func (n *Node) cancel(e *ending) bool {
	if !n.end.CompareAndSwap(nil, e) {
		return false
	}
	if in := n.inner.Load(); in != nil {
		in.cancel()
	}
	return true
}

// poll looks whether the parent has ended. A panic of the handler has ended the
// request's own Node early; that the client leaves is still to be noticed.
func (n *Node) poll() {
	if e := n.end.Load(); e != nil && (n.judge == nil || e != handlerReturned) || n.parent.Err() == nil {
		return
	}
	if !n.watches(unhooked) {
		n.parentEnded()
	}
}

func (n *Node) parentEnded() {
	if n.judge != nil {
		n.judge.outerEnded()
		return
	}
	n.cancel(newEnding(n.parent.Err(), context.Cause(n.parent)))
}

// follow begins the watch of the parent.
func (n *Node) follow() {
	if n.judge == nil && n.parent.Done() == nil || !n.watch.CompareAndSwap(0, theParent) {
		return
	}
	stop := context.AfterFunc(n.parent, n.watched)
	n.mu.Lock()
	late := n.watches(unhooked)
	if !late {
		n.stop = stop
	}
	n.mu.Unlock()
	if late {
		stop()
	}
}

// followPeer begins the watch of the peer, after that of the parent, unless it
// may be another request's by now. It is a witness also where the parent has
// ended, or never will.
func (n *Node) followPeer() {
	c := n.judge.conn()
	if c == nil || n.judge.outlivedNow() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.watches(unhooked) {
		n.judge.watchPeer(c)
	}
}

// recheck is called when the check was switched on: what ended before that, and
// who begins to listen now, is looked at again.
func (n *Node) recheck() {
	if !n.watches(theParent | thePeer) {
		return
	}
	n.poll()
	n.followPeer()
}

// watched runs on a goroutine of package context. It comes to nothing if the
// request is already over: the request does not wait for it.
func (n *Node) watched() {
	r := n.judge
	if r == nil {
		n.poll()
		return
	}
	if r.hold() {
		defer r.release()
		n.poll()
	}
}

// detach makes the parent's end no longer this one's.
func (n *Node) detach() {
	if n.watch.Or(unhooked)&(theParent|thePeer) == 0 {
		return // who begins to watch from now on finds that it may not
	}
	n.mu.Lock()
	stop := n.stop
	n.stop = nil
	watched := n.watch.And(^thePeer)&thePeer != 0
	n.mu.Unlock()
	if stop != nil {
		stop()
	}
	if watched {
		n.judge.conn().Unwatch(n.judge)
	}
}
