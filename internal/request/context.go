package request

import (
	"context"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// requestNode is the context of a request. It ends by an ending of the request, and
// with its parent, net/http's context or one of a middleware's, if that has ended
// for a reason that counts; see outerEnded.
type requestNode struct {
	node.Node
	r *Request
}

var _ context.Context = (*requestNode)(nil)

func (n *requestNode) Value(key any) any {
	switch key {
	case requestKey{}:
		return n.r
	case scope.Key{}, conn.Key{}:
		return nil // they say nothing of a request that is served inside this one
	case http.LocalAddrContextKey:
		if a := n.r.localAddr(); a != nil {
			return a
		}
	}
	return n.Node.Value(key)
}

// Deadline is the parent's, or that of the request's Limit if it is earlier.
func (n *requestNode) Deadline() (time.Time, bool) {
	outer, ok := n.Node.Deadline()
	if own, limited := n.r.deadline(); limited && !(ok && outer.Before(own)) {
		return own, true
	}
	return outer, ok
}

func (n *requestNode) Done() <-chan struct{} { return n.followed().Done() }

// AfterFunc is context.AfterFunc.
func (n *requestNode) AfterFunc(f func()) (stop func() bool) {
	return context.AfterFunc(n.followed(), f)
}

// Err is that of a context of package context. Who asks for it in a loop waits for the end
// as well as who asks for Done does, so the client is watched from then on.
func (n *requestNode) Err() error {
	if n.Ended() == nil {
		n.followed()
		n.poll()
	}
	return n.Node.Err()
}

func (n *requestNode) followed() context.Context {
	std, first := n.Materialize()
	if first {
		n.follow()
	}
	return std
}

// follow begins the watches of the parent and of the peer. The peer is a witness
// also where the parent has ended, or never will.
func (n *requestNode) follow() {
	n.Follow(n.parentEnded)
	n.followPeer()
}

// listen has the client's end noticed, for who does not wait for the end of the context.
// Where the connection is no more than a socket, that shows every end, and its watch
// costs next to nothing, since the socket is registered once; that of the parent is six
// allocations for each request. Who waits for the context later begins both.
func (n *requestNode) listen() {
	if n.followPeer(); n.PeerFollowed() && n.r.conn().IsSocket() {
		return
	}
	n.Follow(n.parentEnded)
}

// followPeer begins the watch of the peer, unless the connection may be another
// request's by now.
func (n *requestNode) followPeer() {
	c := n.r.conn()
	if c == nil || n.r.outlivedNow() {
		return
	}
	n.FollowPeer(func() bool { return n.r.watchPeer(c) })
}

// parentEnded runs on a goroutine of package context. It does nothing if the request
// has ended, since the request does not wait for it.
func (n *requestNode) parentEnded() {
	if n.r.hold() {
		defer n.r.release()
		n.poll()
	}
}

// poll looks whether the parent has ended. A panic of the handler has ended the
// request's context early; that the client leaves is still to be noticed.
func (n *requestNode) poll() {
	if e := n.Ended(); (e == nil || e == node.HandlerReturned) && n.ParentEnded() {
		n.r.outerEnded()
	}
}

// recheck is called when the check was switched on: what ended before that, and
// who begins to listen now, is looked at again.
func (n *requestNode) recheck() {
	if n.Followed() {
		n.poll()
		n.followPeer()
	}
}

// unhook has the end of the contexts around the request, and of the connection, not
// end the request's context any more.
func (n *requestNode) unhook() {
	if n.Unhook() {
		n.r.conn().Unwatch(n.r)
	}
}
