package request

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Node is a context whose end lastbyte decides: its values are its parent's,
// its end may come from its parent, from an ending of the request, or from
// both. Nothing is set up before someone asks: no channel before Done, no
// watch of the parent before Done or AfterFunc, and Err looks at the parent
// itself.
//
// package context finds the cause of a context through a value, of the nearest
// context of its own. Once a Node has ended, it answers for that value itself,
// by way of a context that was born cancelled with the cause.
type Node struct {
	parent context.Context
	judge  *Request // of the request's own Node: it judges why the parent ended. nil: the parent's end is this one's

	end  atomic.Pointer[ending] // set once, under mu
	done atomic.Value           // chan struct{}; made by the first Done, under mu

	mu    sync.Mutex
	first *afterFunc  // functions to call at the end, in no order
	stop  func() bool // ends the watch of parent
	watch bool        // the watch of parent has begun
	alone bool        // the parent's end is no longer this one's
	open  bool        // no Deadline, though the parent may have one
}

// ending says how a Node ended.
type ending struct {
	err   error           // what Err says
	cause context.Context // answers context.Cause
}

type afterFunc struct {
	f          func()
	prev, next *afterFunc
}

var _ context.Context = (*Node)(nil)

// Deadline is the parent's, but never set under Detach: package context turns a
// child's timeout into a mere child of an earlier deadline above it, and that
// one stops to apply at Send.
func (n *Node) Deadline() (time.Time, bool) {
	if n.open {
		return time.Time{}, false
	}
	return n.parent.Deadline()
}

func (n *Node) Value(key any) any {
	if key == (requestKey{}) && n.judge != nil {
		return n.judge
	}
	if e := n.end.Load(); e != nil {
		if v := e.cause.Value(key); v != nil {
			return v
		}
	}
	return n.parent.Value(key)
}

func (n *Node) Done() <-chan struct{} {
	d, _ := n.done.Load().(chan struct{})
	if d == nil {
		n.mu.Lock()
		if d, _ = n.done.Load().(chan struct{}); d == nil {
			d = make(chan struct{})
			if n.end.Load() != nil {
				close(d)
			}
			n.done.Store(d)
		}
		n.mu.Unlock()
		n.follow()
	}
	return d
}

func (n *Node) Err() error {
	if n.end.Load() == nil {
		n.poll()
	}
	e := n.end.Load()
	if e == nil {
		return nil
	}
	if d, _ := n.done.Load().(chan struct{}); d != nil {
		<-d // cancel stores end and closes done in one critical section
	}
	return e.err
}

// AfterFunc lets package context hang its children here without a goroutine.
// f runs once on the goroutine that ends n, with no lock held, and must not
// block.
func (n *Node) AfterFunc(f func()) (stop func() bool) {
	a := &afterFunc{f: f}
	n.mu.Lock()
	if n.end.Load() != nil {
		n.mu.Unlock()
		f()
		return func() bool { return false }
	}
	if a.next = n.first; a.next != nil {
		a.next.prev = a
	}
	n.first = a
	n.mu.Unlock()
	n.follow()
	return func() bool { return n.remove(a) }
}

func (n *Node) remove(a *afterFunc) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.f == nil {
		return false
	}
	a.f = nil
	if a.next != nil {
		a.next.prev = a.prev
	}
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		n.first = a.next
	}
	return true
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
	n.mu.Lock()
	if n.end.Load() != nil {
		n.mu.Unlock()
		return false
	}
	n.end.Store(e)
	if d, _ := n.done.Load().(chan struct{}); d != nil {
		close(d)
	}
	var fns []func()
	for a := n.first; a != nil; a = a.next {
		fns = append(fns, a.f)
		a.f = nil
	}
	n.first = nil
	n.mu.Unlock()

	for _, f := range fns {
		f()
	}
	return true
}

// poll looks whether the parent has ended.
func (n *Node) poll() {
	if n.end.Load() != nil || n.parent.Err() == nil {
		return
	}
	n.mu.Lock()
	alone := n.alone
	n.mu.Unlock()
	if !alone {
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
	if n.parent.Done() == nil {
		return
	}
	n.mu.Lock()
	begin := !n.watch && !n.alone && n.end.Load() == nil
	n.watch = n.watch || begin
	n.mu.Unlock()
	if !begin {
		return
	}
	stop := context.AfterFunc(n.parent, n.watched)
	n.mu.Lock()
	late := n.alone
	n.stop = stop
	n.mu.Unlock()
	if late {
		stop()
	}
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
	n.mu.Lock()
	n.alone = true
	stop := n.stop
	n.stop = nil
	n.mu.Unlock()
	if stop != nil {
		stop()
	}
}
