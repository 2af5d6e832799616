package request

import (
	"context"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// This file has what the request finds around it: the protocol, the connection, the
// server, the request body. All other files ask it, so it calls none of them but
// internal/scope.

// http1 reports whether the response goes out over HTTP/1. The writer tells. The
// version that the request states is no evidence (see nethttp.Of), and counts only if
// the writer is of no known kind or hides what it wraps.
func (r *Request) http1() bool {
	if r.w.speaks == nethttp.Unknown {
		return r.in.ProtoMajor == 1
	}
	return r.w.speaks == nethttp.HTTP1
}

// http3 reports whether the response goes out over HTTP/3: the writer of its
// server is of no kind that is known, so the request tells.
func (r *Request) http3() bool {
	return r.w.speaks == nethttp.Unknown && r.in.ProtoMajor >= 3
}

// ownHTTP1 reports whether w leads to the writer that net/http's HTTP/1 server
// made for this request.
func (w *Writer) ownHTTP1() bool {
	server, _ := nethttp.Server(w.wrapped)
	return server != nil && nethttp.IsOwn(server)
}

// isInformational reports whether another status follows this one. On HTTP/1 a
// 101 is the last; HTTP/2 does not have it (RFC 9113, 8.6), and its servers treat
// it as they treat every 1xx.
func (r *Request) isInformational(status int) bool {
	return status >= 100 && status <= 199 && (status != http.StatusSwitchingProtocols || !r.http1())
}

// conn is the request's connection, nil if abort.ConnContext is not installed.
func (r *Request) conn() *conn.Conn { return conn.Of(r.node.Parent()) }

// server is the server around, nil where the request comes from something else.
func (r *Request) server() *http.Server {
	srv, _ := r.node.Parent().Value(http.ServerContextKey).(*http.Server)
	return srv
}

// bodyUnread reports whether some of the request body may be unread.
func (r *Request) bodyUnread() bool {
	b := r.in.Body
	return b != nil && b != http.NoBody && !r.noted(bodyRead)
}

// mayHaveLeft reports whether net/http may have cancelled its context because the
// client left. The HTTP/3 server names a client's end of the connection as cause.
func (r *Request) mayHaveLeft() bool {
	outer := r.node.Parent()
	if outer.Err() != context.Canceled {
		return false
	}
	cause := context.Cause(outer)
	return cause == context.Canceled || nethttp.OfQUIC(cause).ByPeer()
}

// uncuttable reports whether the response cannot be cut: there is no connection to cut,
// and no server that recovers a panic and breaks the response off. That is so in
// net/http/fcgi, net/http/cgi and recorders.
func (r *Request) uncuttable() bool {
	return r.w.speaks == nethttp.Unknown && r.conn() == nil && !r.recovers()
}

// recovers reports whether the server around recovers a panic of the serving
// goroutine, and breaks the response off: net/http's does, and that of HTTP/3.
func (r *Request) recovers() bool {
	return (r.server() != nil || r.in.ProtoMajor >= 3) && scope.KindOf(r.node.Parent()) != scope.Task
}
