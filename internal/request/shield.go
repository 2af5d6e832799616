package request

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// cancel ends the contexts of the request; what is shielded, too, unless the
// cause is an abort.
func (r *Request) cancel(err, cause error) { r.cancelAs(node.NewEnd(err, cause), cause) }

// cancelAs is cancel with an end that is there already.
func (r *Request) cancelAs(e *node.End, cause error) {
	r.node.Cancel(e)
	if d := r.det.Load(); d != nil {
		d.node.Cancel(e)
	}
	r.mu.Lock()
	var shields []*node.Node
	if r.rare != nil && r.rare.abort != cause {
		shields = r.shieldsLocked()
	}
	r.mu.Unlock()
	endAll(shields, e)
}

// Shield gives a context for abort.Shield: it ends as ctx does, but not by an
// abort. The request knows it until it has ended, and not longer: a handler may
// live for days and call Shield for every message.
func (r *Request) Shield(ctx context.Context) context.Context {
	if scope.IsTask(ctx) {
		return ctx // no abort ends it, and it may outlive the request's handler
	}
	n := node.New(ctx)
	end := func(err, cause error) {
		n.Cancel(node.NewEnd(err, cause))
		r.forgetShield(n)
	}
	r.mu.Lock()
	over := r.hasAny(lifecycle.Done)
	if !over {
		x := r.extraLocked()
		if x.shields == nil {
			x.shields = make(map[*node.Node]struct{})
		}
		x.shields[n] = struct{}{}
	}
	r.mu.Unlock()
	ended := func() {
		cause := context.Cause(ctx)
		if a := r.abortError(); a == nil || cause != a {
			end(ctx.Err(), cause)
		}
	}
	switch {
	case !over:
	case ctx.Err() == nil:
		return ctx // no abort ends it: the request is over
	default:
		ended()
		n.Cancel(node.HandlerReturned)
		return n
	}
	stop := context.AfterFunc(ctx, ended)
	if ctx.Err() != nil {
		ended() // not some time later
	}
	n.AfterFunc(func() { stop() })
	if at, ok := ctx.Deadline(); ok && !r.isDeadline(at) {
		// ctx may have ended by then, and its own timer with it.
		t := time.AfterFunc(time.Until(at), func() { end(context.DeadlineExceeded, context.DeadlineExceeded) })
		n.AfterFunc(func() { t.Stop() })
	}
	return n
}

// forgetShield is called when n has ended by itself.
func (r *Request) forgetShield(n *node.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.madeLocked(); x != nil {
		delete(x.shields, n)
	}
}

// endShields ends what Shield gave out.
func (r *Request) endShields(e *node.End) {
	r.mu.Lock()
	shields := r.shieldsLocked()
	r.mu.Unlock()
	endAll(shields, e)
}

func endAll(shields []*node.Node, e *node.End) {
	for _, n := range shields {
		n.Cancel(e)
	}
}

// shieldsLocked takes what Shield gave out and what has not ended yet: who takes
// it ends it, without the lock.
func (r *Request) shieldsLocked() []*node.Node {
	x := r.madeLocked()
	if x == nil || x.shields == nil {
		return nil
	}
	shields := slices.Collect(maps.Keys(x.shields))
	x.shields = nil
	return shields
}
