// Package exitcode lets a handler decide how its request ends.
//
// A net/http handler that wants to end a request from deep inside must write an
// error page and return through all its callers, and none of them may write
// another page. It can drop the connection only by a panic, and no logger sees
// why. With this package one call ends the request, and middlewares outside see
// the code:
//
//	r.Use(exitcode.Phase(authenticate)) // OK: next handler; 401: stop
//	...
//	exitcode.Exit(ctx, 404)
//	return
//
// # Limits
//
// Exit does not unwind its caller: return after it, or use [Throw]. A status
// that has been sent cannot be replaced. Without abort.ConnContext a dropped
// HTTP/1 connection is closed only when the handler returns; nothing more is
// sent on it until then. Where neither a connection nor a stream can be cut
// (net/http/fcgi, net/http/cgi, a recorder), such a code is sent as the status
// of an empty response, and -1 as 500.
//
// A middleware sees the status of an exit, and may add to its response, if a
// lastbyte middleware is inside of it. The innermost lastbyte middleware that the
// handler returns to writes the response, through the ResponseWriter that it was
// given. A middleware between that one and the handler sees no call of WriteHeader.
// If such a middleware encodes the body, a response that the exit leaves as it is
// still becomes complete: once it has set a Content-Encoding, its writes pass after
// the exit, and so do those of the handler.
package exitcode

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Exit ends the request with code. The first exit decides. It is ngx.exit of
// ngx_lua. It may be called from any goroutine.
//
// Exit does not unwind its caller: return after it. It cancels the request's
// context with an [*ExitError] as the cause, and later writes of the handler
// fail with [ErrExited].
//
//   - A code that drops the connection (-1, 408, 444, 499) acts at once, also on
//     a handler that is blocked in a Write.
//   - A code from 200 to 299 sends that status with an empty body. If the handler
//     has begun a response, that response ends with what was written.
//   - Any other code sends its status with an error page, see [Options]. It is
//     written when the handler next writes or returns; under Detach at once, if a
//     thread or an abort callback exits with the context that it was given.
//
// Exit(ctx, OK) in a handler or thread ends nothing and returns nil, see [Phase].
//
// Errors: [ErrInvalidCode] (nothing changes), [ErrExited] (an earlier exit
// decided), [ErrHeaderSent] (the header has been sent with another status, which
// code could not replace; the request ends nevertheless), [ErrEnded] (the response
// is complete; after eof.Send the remaining work is cancelled, in a task
// nothing happens) and [ErrNoRequest].
func Exit(ctx context.Context, code Code) error {
	if !code.valid() {
		return fmt.Errorf("%w %d", ErrInvalidCode, int(code))
	}
	r, ok := request.From(ctx)
	if !ok {
		return ErrNoRequest
	}
	if code == OK {
		return nil
	}
	return r.Exit(ctx, exit(code))
}

// ExitWith ends the request as [Handler] does when its function returns err, and
// with the same line in the log. An error with a code is made by [Code.Err], or is an
// [*ExitError]. Like [Exit] it may be called from any goroutine, and does not unwind its
// caller.
//
// The code is 499 if the client has aborted, else that of err (see [Of]), else 500.
// The cause of the request's context is an [*ExitError] with that code: err itself if
// it is one, else one whose Err is err and whose Detail is that of the error with the
// code.
//
// Errors: [ErrInvalidCode] if err is nil (nothing changes), and those of [Exit] for
// the code. In a task of a request nothing happens but the line in the log, which an
// abort of that request does not prevent.
func ExitWith(ctx context.Context, err error) error {
	if err == nil {
		return fmt.Errorf("%w: no error was given", ErrInvalidCode)
	}
	r, ok := request.From(ctx)
	if !ok {
		return ErrNoRequest
	}
	return fail(ctx, r, err, "exitcode.ExitWith", nil)
}

// shared has the exits that are a code and nothing else, each since it was first asked
// for. Requests share them, so [Cause] gives a copy of the error. That of context.Cause is
// shared, as errors are that somebody returns. The first place is that of -1.
var shared [1000]atomic.Pointer[request.Exit]

// exit is the exit with code, which is valid and not OK.
func exit(code Code) *request.Exit {
	place := &shared[max(code, 0)]
	if e := place.Load(); e != nil {
		return e
	}
	place.CompareAndSwap(nil, request.Shared(int(code), &ExitError{Code: code}, plainText(code, "")))
	return place.Load()
}

// exitAs is the exit whose cause is e.
func exitAs(e *ExitError) *request.Exit {
	return &request.Exit{Code: int(e.Code), Cause: e, Text: plainText(e.Code, e.Detail)}
}

// Throw is [Exit] for deep call stacks: it does not return. It unwinds the
// calling goroutine up to the function that lastbyte runs there: the handler, a
// [Phase], a [HeaderFilter], a thread, an abort callback or a task. That
// function has then ended, and no panic is counted or logged. Throw(ctx, OK)
// does only that; in a Phase the next handler runs. After eof.Send and in a
// task, where there is no response to end, every Throw does only that.
//
// Throw panics with http.ErrAbortHandler, which well-behaved recoverers pass on
// without a log line. Deferred calls run, and a recover on the way cannot undo
// the exit. A library that recovers the panic and panics with an error that
// wraps it, as golang.org/x/sync/singleflight does in Do, is no obstacle. But
// other requests that wait for the result of the same Do get the same panic
// although they have not exited, and their responses are cut. Functions that
// several requests share should return an error, see [Handler].
//
// Call Throw only on goroutines that lastbyte started or serves. On others (a
// plain go statement, errgroup.Group.Go, singleflight's DoChan) nothing
// recovers the panic, and it ends the process. Outside any lastbyte middleware,
// and with an invalid code, net/http drops the connection.
func Throw(ctx context.Context, code Code) {
	if r, ok := request.From(ctx); ok && code.valid() {
		var e *request.Exit
		if code != OK {
			e = exit(code)
		}
		r.Throw(ctx, e)
	}
	panic(http.ErrAbortHandler)
}

// From returns the code that the request exited with. The result is false if it
// has not exited, or if no lastbyte middleware is around the handler.
func From(ctx context.Context) (Code, bool) {
	e, ok := Cause(ctx)
	if !ok {
		return OK, false
	}
	return e.Code, true
}

// Cause returns the exit of the request, as abort.Cause returns its abort. The result
// is false where that of [From] is. The error is the one that [ExitWith] or [Handler]
// was given, or has that as its Err: it is shared, and must not be changed. Cause may be
// called from any goroutine at any time, also after the request has ended, and by an error
// page with the context of the page's request.
func Cause(ctx context.Context) (e *ExitError, ok bool) {
	r, ok := request.From(ctx)
	if !ok {
		return nil, false
	}
	x := r.Exited()
	if x == nil {
		return nil, false
	}
	if e, ok := x.Cause.(*ExitError); ok && x != shared[max(Code(x.Code), 0)].Load() {
		return e, true
	} else if ok { // other requests have the same one
		return &ExitError{Code: Code(x.Code)}, true
	}
	return &ExitError{Code: Code(x.Code), Err: x.Cause}, true // lastbyte's own, of Detach at its limit
}
