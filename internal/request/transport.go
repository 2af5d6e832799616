package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// http1 reports whether the response goes out over HTTP/1. The writer tells; the
// request's own version is no evidence, and asked only where the writer is of no
// known kind or hides what it wraps.
func (r *Request) http1() bool {
	if r.w.speaks == nethttp.Unknown {
		return r.body.from.ProtoMajor == 1
	}
	return r.w.speaks == nethttp.HTTP1
}

// http3 reports whether the response goes out over HTTP/3: the writer of its
// server is of no kind that is known, so the request tells.
func (r *Request) http3() bool {
	return r.w.speaks == nethttp.Unknown && r.body.from.ProtoMajor >= 3
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
