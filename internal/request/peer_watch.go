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

// moment is how long the handler of a hijacked connection has to handle the last bytes
// that it has read, before the client's end counts.
const moment = 10 * time.Millisecond

// lookLater judges a FIN on a hijacked connection. Nothing tells when the handler has
// read what came before it, so the receive queue is looked at from time to time, until
// it has been empty for a moment. empty says that it was so at the last look. Once the
// request has drained, hold fails: then all that is left of this is a timer, and the
// end of the handler has been judged by drain.
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
		c.KeepWatched() // net/http's context tells of the stream's end, and the connection why
		return false
	}
	return r.lease().Watch(r)
}
