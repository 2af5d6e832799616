package request

import (
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/peer"
	"github.com/lastbyte-go/lastbyte/internal/verdict"
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

// Unread: a handler that is back reads no more.
func (f facts) Unread() bool {
	return f.c != nil && f.r.hasAny(lifecycle.Hijacked) && !f.r.hasAny(lifecycle.HandlerReturned) && f.c.Unread()
}

// lookAtPeer asks the socket alone.
func (r *Request) lookAtPeer() {
	c := r.conn()
	if c == nil || !r.http1() || r.overtaken() {
		return
	}
	switch c.Peer() {
	case peer.Closed:
		r.judge(verdict.Closed, nil)
	case peer.Reset:
		r.judge(verdict.Reset, nil)
	}
}

// awaitFIN gives the FIN a moment that follows a TLS client's close_notify. Who
// reads a hijacked connection has met the one; the socket shows the other alone.
func (r *Request) awaitFIN() {
	if !r.hasAny(lifecycle.Hijacked) {
		return
	}
	c := r.conn()
	if c == nil || !c.IsTLS() {
		return
	}
	for wait := 100 * time.Microsecond; wait < 10*time.Millisecond && c.Peer() == peer.Alive; wait *= 2 {
		time.Sleep(wait)
	}
	r.lookAtPeer()
}
