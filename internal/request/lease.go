package request

import (
	"net"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/conn"
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
	if !r.w.ownHTTP1() || !r.ownConn(func(nc net.Conn) { err = nc.SetReadDeadline(conn.Past) }) {
		err = http.NewResponseController(r.w.wrapped).SetReadDeadline(conn.Past)
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
		r.ownConn(func(nc net.Conn) { _ = nc.Close() })
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

// conn is the request's connection, nil if abort.ConnContext is not installed.
func (r *Request) conn() *conn.Conn { return conn.Of(r.node.parent) }

// lease is what r may act on its connection by: the zero Lease where there is no
// connection, or one that several requests share.
func (r *Request) lease() conn.Lease {
	if !r.http1() {
		return conn.Lease{}
	}
	return r.conn().Lease(r.body.turn)
}

// ownConn has act run on the connection of the request while it is proven to be
// still its own, and reports whether it ran. The proof is the lease, or, where that
// is not bounded, that the request is not outlived. act must not call what may wait
// for the client or for the end of the request. The caller is inside the writer's
// gate, or has shut it and not returned.
func (r *Request) ownConn(act func(nc net.Conn)) (own bool) {
	l := r.lease()
	return (l.Bounded() || l != conn.Lease{} && !r.outlived()) && l.Act(act)
}

// overtaken reports whether net/http is known to be through with the request,
// whose handler is not: behind an http.TimeoutHandler that gave up, or a wrapper
// that does not wait for it. The connection, and the writer that net/http made,
// may be in use for another request then, and a cut or a page would hit that one.
func (r *Request) overtaken() bool { return r.body.turn != 0 && r.lease().Over() }

// outlived reports whether net/http may be through with the request while its
// handler is not. With a bounded lease it is known; else the outer context has
// ended, the writer does not lead to net/http's, and nobody says that the client
// left, for then no other request comes. The caller is inside the writer's gate, or
// has shut it and not returned.
func (r *Request) outlived() bool {
	if l := r.lease(); l.Bounded() {
		return l.Over()
	}
	if r.node.parent.Err() == nil || r.w.ownHTTP1() {
		return false
	}
	if c := r.conn(); c != nil && r.mayHaveLeft() {
		if s := c.Peer(); s == peer.Closed || s == peer.Reset {
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
