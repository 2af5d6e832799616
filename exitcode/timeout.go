package exitcode

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Timeout makes a middleware that limits how long a request may take, streams
// included. If the response has not ended d after the request began, the request exits
// with code, for instance 504. Nothing is buffered, and Flush works. ngx_lua has no
// function for this.
//
// What the client gets depends on what has been sent:
//
//   - No header is out: the response of the exit, with its page, as [Exit] describes it.
//     Under eof's Detach, wherever Timeout stands, the client has it at that moment,
//     whatever the handler does, with the headers that are set outside of Detach. Without
//     Detach it goes out when the handler next writes or returns. An informational (1xx)
//     response is no header.
//   - The header is out, or the handler has written to its ResponseWriter: the
//     connection is cut, or on HTTP/2 the stream, whatever the code is. What
//     was written and not flushed may be lost. So a response that was given up never
//     looks complete, unless the client already has all of a declared Content-Length.
//
// The handler's context is cancelled in both cases. Its Err is
// context.DeadlineExceeded, and context.Cause gives an [*ExitError]. Without Detach the
// context has a Deadline. A Write or a read of the request body that is blocked returns,
// and later ones fail with [ErrExited]. The handler itself is not stopped. Without
// Detach the request waits for it and its threads; under Detach the Background does.
//
// The time counts from when the outermost lastbyte middleware got the request. Of
// several Timeouts around a handler the innermost counts, also if it is the longer one.
// With d = 0 it lifts those outside, for one route or a group of them. If an exit, the
// client or eof.Send has ended the response before, Timeout does nothing: work
// after Send is not limited, and neither is an HTTP/1 connection that was hijacked. An
// extended CONNECT (RFC 8441) or any other long stream of HTTP/2 is a response, and is
// limited; lift the Timeout for its route. (A client chooses the method, so that an exception for
// CONNECT would let it choose to have no limit.)
//
// No goroutine waits: the requests of one Timeout share a timer.
//
// Timeout panics if d is negative, or if code is neither -1 nor from 400 to 999: a
// response that was given up must not look like a success or a redirect.
func Timeout(d time.Duration, code Code) func(http.Handler) http.Handler {
	if d < 0 {
		panic(fmt.Sprintf("exitcode.Timeout: negative duration, got %v", d))
	}
	if code != Error && (code < 400 || code > 999) {
		panic(fmt.Sprintf("exitcode.Timeout: code must be -1 or from 400 to 999, since nothing that was given up may look like a success, got %d", int(code)))
	}
	c := &request.Config{Limit: request.NewLimit(d, func() *request.Exit { return exit(code) })}
	return func(next http.Handler) http.Handler { return request.Handler(c, next) }
}
