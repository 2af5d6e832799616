package request

import (
	"crypto/tls"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

var past = time.Unix(1, 0)

// dropNow cuts the connection or stream while the handler may be at work, even
// stuck in a Write.
func (r *Request) dropNow() {
	r.mu.Lock()
	var hijackedConn = r.is(hijacked)
	x := r.extra
	r.mu.Unlock()
	if hijackedConn {
		if x != nil && x.conn != nil {
			_ = x.conn.Close() // the handler sees to its own errors
		}
		return
	}
	if r.w.gate.enter() {
		defer r.w.gate.leave(r)
		r.cut()
	}
}

// cut makes net/http unable to send another byte. It reports whether it could.
// The caller is inside the writer's gate.
//
// A TLS record that fails by deadline has used up its number, and what follows
// it is noise to the client: so a close_notify goes out first, if no record can
// be under way.
//
// It acts once, whoever comes first: a second reset of an HTTP/2 stream would be
// an error of ours.
func (r *Request) cut() bool {
	r.mu.Lock()
	x := r.extraLocked()
	r.mu.Unlock()
	x.cut.Do(func() {
		finish := r.closeWriter()
		rc := http.NewResponseController(r.w.inner)
		r.mark(noReuse)   // where everything is sent, no write of net/http's fails any more
		r.interruptRead() // what is left of the body is of no use
		x.severed = rc.SetWriteDeadline(past) == nil
		finish()
	})
	return x.severed
}

// closeWriter ends the server's side of an HTTP/1 connection, so that the client
// sees it at once; net/http closes it when the handler is back. What has to wait
// for the deadline is done by the result.
func (r *Request) closeWriter() (finish func()) {
	type halfCloser interface{ CloseWrite() error }
	c := r.conn()
	if c == nil || !r.http1() {
		return func() {}
	}
	if r.outlived() {
		return func() {} // the connection may be another request's
	}
	nc, ok := c.peer.NetConn().(halfCloser)
	if !ok {
		return func() {}
	}
	if t, ok := nc.(*tls.Conn); ok && r.w.gate.n.Load() > 1 {
		// A record may be under way, and stuck: a FIN without a close_notify.
		if nc, ok = t.NetConn().(halfCloser); !ok {
			return func() {}
		}
		return func() { _ = nc.CloseWrite() }
	}
	_ = nc.CloseWrite() // it fails where there is nobody left to tell
	return func() {}
}

// outlived reports whether net/http may be through with the request while its
// handler is not: behind an http.TimeoutHandler that gave up. The caller is
// inside the writer's gate, or has shut it and not returned.
func (r *Request) outlived() bool {
	if r.node.parent.Err() == nil || r.w.ownHTTP1() {
		return false
	}
	if c := r.conn(); c != nil && r.mayHaveLeft() {
		if s := c.peer.State(); s == peer.Closed || s == peer.Reset {
			return false // net/http's reader has met the end: no other request comes
		}
	}
	return true
}

// outlivedNow is outlived for any caller.
func (r *Request) outlivedNow() bool {
	if r.node.parent.Err() == nil {
		return false
	}
	if !r.w.gate.enter() {
		return true
	}
	defer r.w.gate.leave(r)
	return r.outlived()
}

// drop ends the request without a byte, on the serving goroutine. Outer
// handlers see code as the status, though it never goes out. It reports whether
// net/http has to be stopped by a panic.
func (r *Request) drop(code int) (stop bool) {
	if !r.w.gate.enter() {
		return false
	}
	defer r.w.gate.leave(r)
	r.mu.Lock()
	r.markLocked(dropping)
	said := r.is(committed) || r.is(answered) && r.w.status != 0 // see recordMove
	if !said {
		r.w.status = int16(max(code, 0))
	}
	r.mu.Unlock()
	if !said && code > 0 {
		if r.http1() {
			r.w.inner.Header().Set("Connection", "close") // or net/http reads up to 256 KB of body first
		}
		r.w.inner.WriteHeader(code)
	}
	if r.winner() == aborted && !r.http1() {
		return false // the stream is reset already; a second reset is noise on the connection
	}
	return !r.cut()
}
