package request

import (
	"net"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
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
	// Behind a response that is shorter than it said net/http keeps no connection; an
	// orderly close would undo what cutShort has done.
	if !r.noted(noReuse) || r.truncated() || !r.http1() || r.overtaken() || nethttp.CloseAfterResponse(r.w.wrapped) || r.uncuttable() {
		return false
	}
	r.mu.Lock()
	x := r.rare
	r.mu.Unlock()
	if x != nil && x.byHandle {
		// Nothing more can be sent on it. When net/http closes it, too, that fails, and
		// net/http ignores it.
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
