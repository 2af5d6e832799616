package request

import (
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// PeerGone is called by the watcher of sockets, which it must not hold up.
func (r *Request) PeerGone(s peer.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.hasAny(lifecycle.Drained):
	case s == peer.Closed && r.hasAny(lifecycle.Hijacked):
		r.lookLater(moment, !r.conn().Unread())
	default:
		r.goLocked(r.lookAtPeer)
	}
}

// moment is how long the handler of a hijacked connection has to make something
// of the last bytes that it has read, before the client's end is told.
const moment = 10 * time.Millisecond

// lookLater judges a FIN on a hijacked connection. Nobody tells when the handler
// has read what came before it, so the receive queue is looked at, from time to
// time, until it has been empty for a moment. empty: it was at the last look.
// hold fails once the handler is back, and that is judged elsewhere; so nothing
// is left of this but a timer.
func (r *Request) lookLater(wait time.Duration, empty bool) {
	time.AfterFunc(wait, func() {
		if !r.hold() {
			return
		}
		defer r.release()
		switch {
		case r.hasAny(lifecycle.ClientGone|lifecycle.HandlerReturned) || r.winner() != lifecycle.Serving:
		case r.conn().Unread():
			r.lookLater(min(2*wait, 8*moment), false)
		case !empty:
			r.lookLater(moment, true)
		default:
			r.lookAtPeer()
		}
	})
}

// watchPeer has the request told when the peer goes, as long as that can be
// known, and reports whether it will be. It runs under the Node's mutex.
func (r *Request) watchPeer(c *conn.Conn) bool {
	switch {
	case r.check() == nil:
		return false
	case !r.http1():
		c.KeepWatched() // each stream's context is its witness; the reason is the connection's
		return false
	}
	return r.lease().Watch(r)
}
