package request

import (
	"crypto/tls"
	"net"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// interruptRead makes a read of the request body return that waits for the
// client, and every later one fail, by a read deadline in the past. The caller
// is inside the writer's gate, or is the serving goroutine.
//
// The deadline stays, so that net/http's own close of the body, at the end of
// the request, fails at once instead of waiting for the client. net/http ignores
// that failure, keeps the connection, and would read the rest of the body as the
// next request. And if the body has just been read to its end, the deadline
// ends net/http's wait for the next request instead, and with it the context of
// the whole connection. For both reasons no connection with such a deadline may
// serve another request: noted here, acted on in endLease.
//
// Where the body is known to be read to its end no read can wait for the client,
// and there is no deadline.
func (r *Request) interruptRead() {
	if !r.bodyUnread() || r.hasAny(lifecycle.Hijacked) || r.overtaken() {
		return
	}
	var err error
	if !r.w.ownHTTP1() || !r.ownConn(func(c *Conn) { err = c.peer.NetConn().SetReadDeadline(past) }) {
		err = http.NewResponseController(r.w.wrapped).SetReadDeadline(past)
	}
	if err == nil { // unsupported: the read has to end by itself
		r.note(noReuse)
	}
}

// endLease keeps an HTTP/1 connection on which a read was interrupted, or the
// response cut, from serving another request. It runs on the serving goroutine
// when the gates are closed, so nobody else is at the writer, and every
// interruptRead is over. It reports whether only a panic can still stop net/http.
func (r *Request) endLease() (stop bool) {
	// A short response: net/http keeps no connection behind one, and would not have
	// it reset, see cutShort.
	if !r.noted(noReuse) || r.truncated() || !r.http1() || r.overtaken() || nethttp.CloseAfterResponse(r.w.wrapped) || r.uncuttable() {
		return false
	}
	r.mu.Lock()
	x := r.rare
	r.mu.Unlock()
	if x != nil && x.byHandle {
		// Nothing is sent on it any more; a second Close of net/http's fails, unseen.
		r.ownConn(func(c *Conn) { _ = c.peer.NetConn().Close() })
		return false
	}
	// Behind a wrapper that passes deadlines on, but hides net/http's writer.
	if !r.hasAny(lifecycle.Committed) {
		r.w.wrapped.Header().Set("Connection", "close")
		return false
	}
	_ = http.NewResponseController(r.w.wrapped).Flush() // the response is whole but for its end
	return true
}

// ownConn has act run on the connection of the request while it is proven to be
// still its own, and reports whether it ran. It does not if abort.ConnContext is
// not installed, the connection has several streams, or may be that of another
// request. Nobody acts on a connection but through it; what only asks the socket
// need not. The caller is inside the writer's gate, or has shut it and not
// returned.
//
// With a lease that is exact: the server's ConnState hook waits for act before it
// ends the lease, so no other request begins meanwhile. act must not call what may
// wait for the client or for the end of the request. Where the connection is of a
// foreign type, its methods run without the lock, right after the look.
func (r *Request) ownConn(act func(c *Conn)) (own bool) {
	c := r.conn()
	if c == nil || !r.http1() || r.body.lease == 0 && r.outlived() {
		return false
	}
	return c.withLease(r.body.lease, act)
}

// withLease is ownConn for a request that is not outlived, or has a lease.
func (c *Conn) withLease(lease uint32, act func(c *Conn)) (own bool) {
	if lease == 0 {
		act(c)
		return true
	}
	c.mu.Lock()
	if c.turn.Load() != lease {
		c.mu.Unlock()
		return false
	}
	if !standard(c.peer.NetConn()) {
		c.mu.Unlock()
		act(c)
		return true
	}
	defer c.mu.Unlock()
	act(c)
	return true
}

// standard reports whether the methods of nc are those of the standard library,
// and none of what it wraps is foreign.
func standard(nc net.Conn) bool {
	for range 2 {
		switch c := nc.(type) {
		case *net.TCPConn, *net.UnixConn:
			return true
		case *tls.Conn:
			nc = c.NetConn()
		}
	}
	return false
}

// overtaken reports whether net/http is known to be through with the request,
// whose handler is not: behind an http.TimeoutHandler that gave up, or a wrapper
// that does not wait for it. The connection, and the writer that net/http made,
// may be in use for another request then, and a cut or a page would hit that one.
func (r *Request) overtaken() bool {
	if r.body.lease == 0 {
		return false
	}
	c := r.conn()
	return c.turn.Load() != r.body.lease && r.http1()
}

// outlived reports whether net/http may be through with the request while its
// handler is not. With a lease it is known; else the outer context has ended, the
// writer does not lead to net/http's, and nobody says that the client left, for
// then no other request comes. The caller is inside the writer's gate, or has shut
// it and not returned.
func (r *Request) outlived() bool {
	if r.body.lease != 0 && r.http1() {
		return r.overtaken()
	}
	if r.node.parent.Err() == nil || r.w.ownHTTP1() {
		return false
	}
	if c := r.conn(); c != nil && r.mayHaveLeft() {
		if s := c.peer.State(); s == peer.Closed || s == peer.Reset {
			return false
		}
	}
	return true
}

// outlivedNow is outlived for any caller.
func (r *Request) outlivedNow() bool {
	if r.node.parent.Err() == nil {
		return r.overtaken()
	}
	if !r.w.gate.Enter() {
		return true
	}
	defer r.w.gate.Leave(r)
	return r.outlived()
}
