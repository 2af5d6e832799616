package request

import (
	"io"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// bodyUnread reports whether some of the request body may be unread.
func (r *Request) bodyUnread() bool {
	b := r.body.from.Body
	return b != nil && b != http.NoBody && !r.is(bodyRead)
}

// answerFirst lets a response out ahead of the rest of the request body. Before
// it sends the header of an HTTP/1 response, net/http reads what is left of the
// body, up to 256 KB, however long that takes.
//
// What is in memory is read here, and the connection lives on if that was all.
// Else it is closed after the response. EnableFullDuplex is no way out: net/http
// then reads the rest when the handler is back, and takes a body that it could
// not read for the next request (golang/go#68560 has the milder case).
func (r *Request) answerFirst() {
	if !r.http1() || !r.bodyUnread() || r.is(flushed) || r.size.Load() > nethttp.BufferSize {
		return // where the header is out, net/http has dealt with the body
	}
	rc := http.NewResponseController(r.w.inner)
	if rc.SetReadDeadline(past) != nil {
		return // not a server's writer
	}
	if r.body.from.Header.Get("Expect") == "" { // else a read would ask the client for the body
		if _, err := io.Copy(io.Discard, r.body.from.Body); err == nil {
			r.mark(bodyRead)
			return
		}
	}
	if !nethttp.CloseAfterResponse(r.w.inner) {
		r.w.inner.Header().Set("Connection", "close") // it comes too late after WriteHeader
	}
}
