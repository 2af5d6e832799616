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
	"errors"
	"fmt"
	"net/http"

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
// decided), [ErrHeaderSent] (the header has been sent and code could not
// replace the status; the request ends nevertheless), [ErrEnded] (the response
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

func exit(code Code) *request.Exit {
	return &request.Exit{Code: int(code), Cause: &ExitError{code}, Page: defaultPage}
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

// Phase makes a middleware from fn. If fn returns or throws [OK], the next handler
// runs; with any other code the request exits. An invalid code is a bug of fn: the
// request exits with 500, and the code is logged. Phase panics if fn is nil.
func Phase(fn func(http.ResponseWriter, *http.Request) Code) func(http.Handler) http.Handler {
	if fn == nil {
		panic("exitcode.Phase: nil function")
	}
	return func(next http.Handler) http.Handler {
		return request.Handler(none, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			req, _ := request.From(r.Context())
			var code Code
			if _, thrown := req.Catch(func() { code = fn(w, r) }); thrown {
				code = OK // what else was thrown has ended the request
			}
			if req.Decided() {
				return // fn has exited, or the client is gone
			}
			if code == OK {
				next.ServeHTTP(w, r)
				return
			}
			end(r.Context(), code, "exitcode.Phase")
		}))
	}
}

var none = &request.Config{}

// end exits with a code that a user's function returned.
func end(ctx context.Context, code Code, where string) {
	err := Exit(ctx, code)
	if r, ok := request.From(ctx); ok && errors.Is(err, ErrInvalidCode) {
		r.Log(ctx, fmt.Sprintf("lastbyte: %s: %v", where, err))
		_ = Exit(ctx, http.StatusInternalServerError) // the first exit stands
	}
}

// HeaderFilter makes a middleware that runs fn once, just before the final
// status and headers are sent. It does not run for informational (1xx)
// responses. It is header_filter_by_lua of ngx_lua.
//
// fn may change h. If it returns [OK], the response is sent; any other code
// replaces the response, and the handler's body is dropped. fn also sees the
// page of an exit, but cannot replace its code. Of several filters the
// innermost runs first, and each is given the status that would be sent at that
// moment. If a filter panics, the response fails closed: only a status from 500
// on, which a recoverer inside lastbyte may write, is sent without the filter.
// Otherwise the connection is dropped, also after eof.Send.
//
// fn runs on the goroutine that sends the header, inside its write. It must not
// write or call eof.Send itself. HeaderFilter panics if fn is nil.
func HeaderFilter(fn func(r *http.Request, status int, h http.Header) Code) func(http.Handler) http.Handler {
	if fn == nil {
		panic("exitcode.HeaderFilter: nil function")
	}
	c := &request.Config{Filter: func(r *http.Request, status int, h http.Header) *request.Exit {
		switch code := fn(r, status, h); {
		case code == OK:
			return nil
		case !code.valid():
			if req, ok := request.From(r.Context()); ok {
				req.Log(r.Context(), fmt.Sprintf("lastbyte: exitcode.HeaderFilter: %v %d", ErrInvalidCode, int(code)))
			}
			return exit(http.StatusInternalServerError)
		default:
			return exit(code)
		}
	}}
	return func(next http.Handler) http.Handler { return request.Handler(c, next) }
}

// Handler makes a handler from a function that returns an error. A nil error
// ends the request normally. An error that carries a code (see [Of]) exits with
// that code, and any other error exits with 500. If the client has aborted, the
// code is 499, whatever the error is. An error without a code or with one from
// 500 on is logged with its whole text, which is never sent to the client.
// [ErrExited], [ErrEnded] and the error of an abort are not logged, because
// they repeat what is known. Handler panics if fn is nil.
func Handler(fn func(http.ResponseWriter, *http.Request) error) http.Handler {
	if fn == nil {
		panic("exitcode.Handler: nil function")
	}
	return request.Handler(none, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := fn(w, r)
		if err == nil {
			return
		}
		req, _ := request.From(r.Context())
		if _, gone := req.Abort(nil); gone {
			_ = Exit(r.Context(), ClientClosedRequest) // the first exit stands
			return
		}
		code, ok := Of(err)
		if !ok {
			code = http.StatusInternalServerError
		}
		if code >= http.StatusInternalServerError && !echoes(r.Context(), err) {
			req.Log(r.Context(), fmt.Sprintf("lastbyte: %q %q: %q", r.Method, r.URL.Path, err))
		}
		end(r.Context(), code, "exitcode.Handler")
	}))
}

// echoes reports whether err only repeats to lastbyte what lastbyte has told the
// handler: that the request has ended, and how.
func echoes(ctx context.Context, err error) bool {
	for _, told := range []error{ErrExited, ErrEnded, request.ErrClientAborted} {
		if errors.Is(err, told) {
			return true
		}
	}
	e, ok := errors.AsType[*ExitError](err)
	return ok && error(e) == context.Cause(ctx)
}

// Options are the settings of [New].
type Options struct {
	// ErrorPage writes the page of a code. nil means [PlainText]. The page sets
	// headers and body, and may set another status than that of the code. It
	// runs on a separate goroutine and writes into memory first. If it panics
	// or does not return, the status is sent without a page.
	ErrorPage func(w http.ResponseWriter, r *http.Request, code Code)
}

// New returns a middleware with the settings o for the handlers inside. If several
// are around a handler, the innermost one decides.
func New(o Options) func(http.Handler) http.Handler {
	c := &request.Config{Page: defaultPage}
	if o.ErrorPage != nil {
		c.Page = func(w http.ResponseWriter, r *http.Request, code int) { o.ErrorPage(w, r, Code(code)) }
	}
	return func(next http.Handler) http.Handler { return request.Handler(c, next) }
}

// From returns the code that the request exited with. The result is false if it
// has not exited, or if no lastbyte middleware is around the handler.
func From(ctx context.Context) (Code, bool) {
	if r, ok := request.From(ctx); ok {
		code, exited := r.ExitCode()
		return Code(code), exited
	}
	return OK, false
}
