package request

import (
	"errors"
	"syscall"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// whose says who ended a request's outer context, or made its reads and writes
// fail.
type whose int

const (
	nobody whose = iota // nobody: net/http was misled, or what is known is not enough
	client
	server // the server, or a handler outside of lastbyte
)

// verdict weighs what a witness says against what the socket says, and gives
// the strongest reason known.
func (r *Request) verdict(reason string, err error) (string, whose) {
	c := r.conn()
	broken := isReset(err) || errors.Is(err, syscall.EPIPE)
	switch {
	case broken && reason != writeFailed && c != nil && r.closing(c):
		return "", server // the client's answer to a close_notify
	case isReset(err):
		return reset, client
	case broken:
		// Somebody has taken the error that killed the connection; what this
		// process has closed is net.ErrClosed to it.
		if c != nil && c.peer.State() == peer.Reset {
			reason = reset
		}
		return reason, client
	case c == nil:
		return r.unseen(reason)
	}
	if reason == unverified && c.Err() != nil {
		return "", server // BaseContext
	}
	calling := reason == unverified && r.calling() // a call that is over has told what it knows
	state := c.peer.State()
	if state != peer.Alive && state != peer.Unknown && r.ours(c, state) {
		if calling && r.http1() {
			return "", nobody // net/http closes a connection on which a write failed
		}
		return "", server
	}
	if !r.http1() && c.told.Load() && (state == peer.Local || state != peer.Alive && state != peer.Unknown && c.beganToClose()) {
		if state = c.leftFirst(); state == peer.Unknown {
			return "", server
		}
	}
	switch state {
	case peer.Reset:
		return reset, client
	case peer.Closed:
		return r.half(reason, closed)
	case peer.Local: // over HTTP/2, and nobody tells: net/http closes it because the client did
		return closed, client
	case peer.Alive:
		return r.alive(c, reason, calling)
	}
	return r.unseen(reason)
}

// ours reports whether this process ended an HTTP/1 connection, or began to.
func (r *Request) ours(c *Conn, state peer.State) bool {
	switch {
	case !r.http1():
		return false
	case state == peer.Local:
		return true
	case state == peer.Closed && r.w.gate.busy():
		return false // a write that is stuck behind a FIN must not be waited for
	}
	return r.closing(c)
}

// closing reports whether this process is about to close a TLS connection: its
// close_notify goes out first, and a client may answer that with its own end. A
// write of nothing sends nothing, and says so.
func (r *Request) closing(c *Conn) bool {
	t, secure := c.tls()
	if !secure || r.is(hijacked) {
		return false
	}
	return nethttp.ClosingTLS(t)
}

// unseen is the verdict where no socket can be asked.
func (r *Request) unseen(reason string) (string, whose) {
	if reason != unverified {
		return reason, client
	}
	if r.calling() || r.overdue() {
		return "", nobody
	}
	return reason, client
}

// alive is the verdict where the peer's connection is in order.
func (r *Request) alive(c *Conn, reason string, calling bool) (string, whose) {
	switch {
	case reason != unverified:
		return reason, client
	case !r.http1() && r.overdue():
		return "", server // it has reset the stream
	case !r.http1():
		return streamReset, client
	case calling, r.is(hijacked):
		return "", nobody // what was hijacked the socket alone knows
	}
	_, secure := c.tls()
	deaf := c.deaf.Load()
	// A close_notify that comes together with a request is read before there is a
	// request to tell. Its FIN will tell, or else the reader, once there is one.
	early := secure && r.is(stale)
	stopped := secure && !r.is(overdue) && r.stoppedListening(!deaf && !(early && r.bodyUnread()))
	switch {
	case r.overdue(), !stopped && (deaf || early): // by now; golang/go#70834
		c.deaf.Store(true)
		return "", nobody
	case stopped:
		return r.half(reason, closed) // a close_notify ahead of its FIN, or without one
	}
	return "", server // a context between net/http and here
}

// stoppedListening reports whether net/http's own reader of an HTTP/1
// connection may have met an end. It says so to CloseNotify, where a handler
// can take it away, a moment after it has ended the context: wait is to give it
// that moment. Behind a writer of another kind nobody knows.
func (r *Request) stoppedListening(wait bool) bool {
	for pause := 100 * time.Microsecond; ; pause *= 2 {
		if !r.w.gate.enter() {
			return false
		}
		stopped, known := nethttp.Notified(r.w.inner)
		stopped = stopped || !known || r.is(notified)
		r.w.gate.leave(r)
		if stopped || !wait || pause > 40*time.Millisecond {
			return stopped
		}
		time.Sleep(pause)
	}
}

// half is the verdict on a client that shut down its sending side.
func (r *Request) half(reason, strongest string) (string, whose) {
	check := r.check()
	if check != nil && check.IgnoreHalfClose && reason != writeFailed && r.http1() {
		return "", nobody
	}
	return strongest, client
}

// calling reports whether a read of the body or a write of the response is under
// way. It may be what has ended the outer context; then its error says more, a
// timeout for instance, and whoever made the call looks again after it.
func (r *Request) calling() bool {
	busy := func() bool { return r.reading() || r.is(committed) && r.w.gate.busy() }
	if !busy() {
		return false
	}
	r.mark(puzzled)
	return busy()
}

// watchPeer has the request told when the peer goes, as long as that can be
// known. It runs under the Node's mutex.
func (r *Request) watchPeer(c *Conn) {
	switch {
	case r.node.watch.Load() == thePeer || r.check() == nil:
	case !r.http1():
		c.note() // each stream's context is its witness; the reason is the connection's
	case c.peer.Watch(r):
		r.node.watch.Store(thePeer)
	}
}

// PeerGone is called by the watcher of sockets, which it must not hold up.
func (r *Request) PeerGone(s peer.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.is(quiet) {
		r.goLocked(r.lookAtPeer)
	}
}

// lookAtPeer asks the socket alone.
func (r *Request) lookAtPeer() {
	c := r.conn()
	if c == nil || !r.http1() {
		return
	}
	switch c.peer.State() {
	case peer.Closed:
		r.judge(closed, nil)
	case peer.Reset:
		r.judge(reset, nil)
	}
}

// awaitFIN gives the FIN a moment that follows a TLS client's close_notify. Who
// reads a hijacked connection has met the one; the socket shows the other alone.
func (r *Request) awaitFIN() {
	if !r.is(hijacked) {
		return
	}
	c := r.conn()
	if c == nil {
		return
	}
	if _, secure := c.tls(); !secure {
		return
	}
	for wait := 100 * time.Microsecond; wait < 10*time.Millisecond && c.peer.State() == peer.Alive; wait *= 2 {
		time.Sleep(wait)
	}
	r.lookAtPeer()
}
