// Package nethttp holds what lastbyte knows of the parts of net/http, crypto/tls and
// quic-go that are not exported or not documented. Each piece has a test beside it,
// a canary, that fails when a release changes it. The releases that were read are Go
// 1.26.8 and 1.27.3, and quic-go v0.59 and v0.65.
//
// At a new release of Go, run the tests of this package with it, and read these
// functions; up to Go 1.26 the HTTP/2 server is h2_bundle.go of net/http, from 1.27
// on it is in net/http/internal/http2:
//
//   - server.go, response: its methods (TestServer), ReadFrom and its sniffLen
//     (TestSniffLen), bufferBeforeChunkingSize (TestBufferSize), requestTooLarge
//     (TestCloseAfterResponse), closeNotify (TestNotified)
//   - server.go, chunkWriter.writeHeader: maxPostHandlerReadBytes (TestMaxUnread), and
//     what Expect: 100-continue changes (TestExpect_NothingIsRead)
//   - server.go, conn.serve: the order of the ConnState hook
//     (TestConnState_BetweenRequests), that it serves no further request after a
//     write that failed (TestServer_CutsByDeadline), and the name of what calls the hook,
//     conn.setState (TestIsHookOfHTTP1)
//   - server.go, connReader.backgroundRead: what it does not see
//     (TestBackgroundRead_IsBlind), and which deadlines it takes for the client's end
//     (TestReadDeadline_EndsTheContext)
//   - server.go, timeoutWriter: its name (TestIsTimeoutWriter)
//   - responsecontroller.go: how it finds a method (TestHasReadDeadline,
//     TestInnermost_Nowhere)
//   - transfer.go, body.readLocked: a read of nothing (TestAtEnd)
//   - server.go, finishRequest, and http2.go, http2Handler: whose uploaded files are
//     removed (TestRemoveFiles)
//   - request.go, Request.otherValues: its name and type (TestCarryPathValues)
//   - http2, responseWriter: its methods (TestServer), a write deadline in the past
//     (TestServer_CutsByDeadline), errClientDisconnected (TestIsDisconnected)
//   - http2, serverConn.serve, closeStream: the hook before the close
//     (TestConnState_IdleBeforeClose); processResetStream: the context before the read
//     (TestResetStream_EndsTheContextFirst); handlePingTimer: the word to CountError
//     (TestLostPing)
//   - crypto/tls, Conn: Write of no bytes after Close (TestClosingTLS), CloseWrite after
//     Close (TestCloseNotifyError), the size of an alert (TestAlertSize)
//   - quic-go: the fields and methods of its errors (TestOfQUIC, TestEndOfQUIC)
//
// Three more pieces are elsewhere, each with a test, since they are not about net/http:
// the contexts of package context (internal/scope) and the type of its key
// (internal/request/pair.go, tested in middleware/carry_test.go), the clock of a
// synctest bubble (internal/work), and the text of a goroutine's trace (internal/work,
// eof/locked.go).
package nethttp

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// BufferSize is how many bytes of a body the HTTP/1 server holds back before it
// sends the header (bufferBeforeChunkingSize in server.go). The HTTP/2 server
// holds back twice as many.
const BufferSize = 2048

// SniffLen is how many bytes of a source response.ReadFrom of the HTTP/1 server
// copies before it lets the kernel copy the rest; they decide the Content-Type.
const SniffLen = 512

// MaxUnread bounds what the HTTP/1 server reads of an unread request body before it
// sends the header of the response, to keep the connection
// (maxPostHandlerReadBytes in server.go). Where as much or more is left, it reads
// nothing, and closes the connection after the response.
const MaxUnread = 256 << 10

// Protocol is what a ResponseWriter speaks.
type Protocol uint8

const (
	Unknown Protocol = iota // a recorder, net/http/fcgi, HTTP/3, a writer that hides what it wraps
	HTTP1
	HTTP2
)

func (p Protocol) String() string { return [...]string{"unknown", "HTTP/1", "HTTP/2"}[p] }

// both is what the writers of the HTTP/1 and of the HTTP/2 server have in
// common, besides http.ResponseWriter. The writer of quic-go's http3 server
// lacks EnableFullDuplex and CloseNotify.
type both interface {
	http.Flusher
	io.StringWriter
	CloseNotifier
	FlushError() error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	EnableFullDuplex() error
}

// CloseNotifier is http.CloseNotifier, whose use linters report.
type CloseNotifier interface{ CloseNotify() <-chan bool }

// Of tells what w itself speaks, by its methods: those of a server's writer.
// The version that a request states is no evidence: after an h2c upgrade a
// request says HTTP/1.1 and its writer is that of the HTTP/2 server. What w
// wraps is not looked at, see [Server].
func Of(w http.ResponseWriter) Protocol {
	if _, ok := w.(both); !ok {
		return Unknown
	}
	_, pusher := w.(http.Pusher)
	_, hijacker := w.(http.Hijacker)
	_, readerFrom := w.(io.ReaderFrom)
	switch {
	case pusher && !hijacker:
		return HTTP2
	case hijacker && readerFrom && !pusher:
		return HTTP1
	}
	return Unknown
}

// maxWrappers bounds the search through writers that wrap each other, in case
// one names itself.
const maxWrappers = 64

// below gives the writer that w wraps; nil: it names none.
func below(w http.ResponseWriter) http.ResponseWriter {
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return u.Unwrap()
	}
	return nil
}

// Innermost gives the writer that w and what it wraps stand in front of. It is
// never nil: an Unwrap that gives nil ends the search at the writer that has it.
func Innermost(w http.ResponseWriter) http.ResponseWriter {
	for range maxWrappers {
		in := below(w)
		if in == nil {
			break
		}
		w = in
	}
	return w
}

// Any reports whether ok is true of w or of a writer that it wraps.
func Any(w http.ResponseWriter, ok func(http.ResponseWriter) bool) bool {
	for range maxWrappers {
		if ok(w) {
			return true
		}
		if w = below(w); w == nil {
			break
		}
	}
	return false
}

// Server finds the writer of an HTTP/1 or HTTP/2 server in w or in what it
// wraps: the innermost that has the methods of one. Without one it gives nil and
// Unknown. What that writer does is known: a write deadline in the past keeps
// every further byte of an HTTP/1 response from the client, and resets the
// stream of an HTTP/2 response. Of any other writer's SetWriteDeadline nothing
// is known, even if it returns nil.
func Server(w http.ResponseWriter) (server http.ResponseWriter, p Protocol) {
	for range maxWrappers {
		if q := Of(w); q != Unknown {
			server, p = w, q
		}
		if w = below(w); w == nil {
			break
		}
	}
	return server, p
}

// IsOwn reports whether w is the very writer that net/http's HTTP/1 server made
// (response in server.go), and no wrapper with the same methods.
func IsOwn(w http.ResponseWriter) bool {
	return Of(w) == HTTP1 && declaredBy(w, "net/http")
}

func declaredBy(v any, pkg string) bool {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == pkg
}

// IsTimeoutWriter reports whether w is the writer of an http.TimeoutHandler
// (timeoutWriter in server.go). It holds a response in memory until the handler
// has returned, and throws it away if the context ends first, for whatever reason.
func IsTimeoutWriter(w http.ResponseWriter) bool {
	return reflect.TypeOf(w).String() == "*http.timeoutWriter"
}

// CloseAfterResponse has the HTTP/1 server close the connection after the
// response, and linger, so that a client that still sends its body reads the
// response before the connection is reset. At any time before ServeHTTP returns
// it does what http.MaxBytesReader does at its limit (requestTooLarge in
// server.go); if the header is not written yet, that also sets Connection:
// close. It reports whether w leads to a writer that heard it.
//
// MaxBytesReader asks the writer that it was given and none that is wrapped; so
// behind any wrapper it cannot do it by itself.
func CloseAfterResponse(w http.ResponseWriter) bool {
	server, _ := Server(w)
	if server == nil || !IsOwn(server) {
		return false
	}
	limited := http.MaxBytesReader(server, io.NopCloser(strings.NewReader("x")), 0)
	_, _ = limited.Read(make([]byte, 1)) // it fails: the limit is 0
	return true
}

// AtEnd reports whether the body of r is known to be read to its end, or closed,
// without waiting for the client. It can tell of a body of net/http's own with a
// Content-Length alone: a read of nothing gives the end there, and else nothing
// (body.readLocked in transfer.go); in a chunked body it would wait for a chunk.
func AtEnd(r *http.Request) bool {
	if r.ContentLength <= 0 || len(r.TransferEncoding) > 0 || !declaredBy(r.Body, "net/http") {
		return false
	}
	_, err := r.Body.Read(nil)
	return err == io.EOF || err == http.ErrBodyReadAfterClose
}

// Notified reports whether the HTTP/1 server's reader has met the end of the
// connection while the handler of w was at work: it puts a value into the
// channel of CloseNotify then (closeNotify in server.go), a moment after it has
// cancelled the request's context. known is false where w leads to no such
// writer. A handler that receives from the channel takes the value away.
//
// Once ServeHTTP has returned, whose handler may be at work on another goroutine,
// CloseNotify panics; then nothing was notified.
func Notified(w http.ResponseWriter) (notified, known bool) {
	server, _ := Server(w)
	if server == nil || !IsOwn(server) {
		return false, false
	}
	known = true
	defer func() { _ = recover() }()
	return len(server.(CloseNotifier).CloseNotify()) > 0, true
}

// IsDisconnected finds what the HTTP/2 server says of a connection that is gone
// (errClientDisconnected), sometimes before it cancels the streams' contexts.
// The error has no name, so its text is compared; a source of bytes may have an
// error with the same text, so only the error of a write or of a read of the
// request body may be asked about.
func IsDisconnected(err error) bool { return err.Error() == "client disconnected" }

// HasReadDeadline reports whether an http.ResponseController finds a method for
// read deadlines in w or in what it wraps. It does not tell whether that works.
func HasReadDeadline(w http.ResponseWriter) bool {
	for range maxWrappers {
		if _, ok := w.(interface{ SetReadDeadline(time.Time) error }); ok {
			return true
		}
		if w = below(w); w == nil {
			break
		}
	}
	return false
}
