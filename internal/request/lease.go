package request

import (
	"net/http"

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
	if !r.bodyUnread() || r.is(hijacked) {
		return
	}
	if http.NewResponseController(r.w.inner).SetReadDeadline(past) == nil { // unsupported: the read has to end by itself
		r.mark(noReuse)
	}
}

// endLease keeps an HTTP/1 connection on which a read was interrupted, or the
// response cut, from serving another request. It runs on the serving goroutine
// when the gates are closed, so nobody else is at the writer, and every
// interruptRead is over. It reports whether only a panic can still stop net/http.
func (r *Request) endLease() (stop bool) {
	// A short response: net/http keeps no connection behind one, and would not have
	// it reset, see cutShort.
	if !r.is(noReuse) || r.is(short) || !r.http1() || nethttp.CloseAfterResponse(r.w.inner) || r.uncuttable() {
		return false
	}
	r.mu.Lock()
	x := r.extra
	r.mu.Unlock()
	if x != nil && x.byHandle != nil {
		_ = x.byHandle.Close() // nothing is sent on it any more; a second Close of net/http's fails, unseen
		return false
	}
	// Behind a wrapper that passes deadlines on, but hides net/http's writer.
	if !r.is(committed) {
		r.w.inner.Header().Set("Connection", "close")
		return false
	}
	_ = http.NewResponseController(r.w.inner).Flush() // the response is whole but for its end
	return true
}

// ownConn is the connection of the request, as long as it is proven to be still
// its own; nil: it is not, may be that of another request, has several streams, or
// abort.ConnContext is not installed. Nobody acts on a connection but through it.
// The caller is inside the writer's gate, or has shut it and not returned.
func (r *Request) ownConn() *Conn {
	if c := r.conn(); c != nil && r.http1() && !r.outlived() {
		return c
	}
	return nil
}
