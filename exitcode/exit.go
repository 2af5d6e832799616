// Package exitcode lets a handler decide how its request ends.
//
// A net/http handler that wants to end a request from deep inside has to write
// an error page, return, and hope that nobody above writes another; it cannot
// drop the connection without a panic, and no logger sees why it did.
//
//	r.Use(exitcode.Phase(authenticate)) // OK: next handler; 401: stop
//	...
//	exitcode.Exit(ctx, 404)
//	return
//
// # Limits
//
// Exit does not unwind its caller: return after it, or use [Throw]. A status
// that is on its way cannot be taken back. Without abort.ConnContext a dropped
// HTTP/1 connection is closed when the handler returns; until then nothing more
// goes out on it.
//
// A middleware sees the status of an exit, and may add to its response, if a
// lastbyte middleware stands inside of it: the response is written by the
// innermost one that the handler returns to, through the ResponseWriter that it
// was given. A middleware that stands between that one and the handler sees no
// call of WriteHeader. If it encodes the body, a response that stands is still
// whole: once a Content-Encoding was set there, its writes pass after an exit,
// and so do those of the handler.
package exitcode

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Exit ends the request with code. The first exit wins. It is ngx.exit.
//
// Exit does not unwind its caller: return after it. From then on the request's
// context is cancelled with an [*ExitError] as cause, and what the handler
// still writes is dropped with [ErrExited]. The page of a code from 300 on is
// written when the handler next writes or returns; called by a thread or an
// abort callback under Detach, at once. A code that drops the connection (-1,
// 408, 444, 499) acts at once, also on a handler that is stuck in a Write.
//
// Exit(ctx, OK) in a handler or thread ends nothing and returns nil: see
// [Phase]. It may be called from any goroutine.
//
// Errors: [ErrInvalidCode] (nothing changes), [ErrExited] (an earlier exit
// won), [ErrHeaderSent] (the status is on its way, code could not replace it;
// the request ends all the same), [ErrEnded] (the response is complete: after
// eof.Send the remaining work is cancelled, in a task nothing happens),
// [ErrNoRequest].
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
// [Phase], a [HeaderFilter], a thread, an abort callback, a task. That function
// is over then, and nobody is told of a panic. Throw(ctx, OK) does no more than
// that; in a Phase the next handler runs. So does any Throw after eof.Send and in
// a task, where there is no response to end.
//
// It panics with http.ErrAbortHandler, which every well-behaved recoverer passes
// on in silence; deferred calls run, and a recover in between that swallows it
// cannot undo the exit. A library that recovers it and panics with an error that
// wraps the value, as golang.org/x/sync/singleflight does in Do, is no obstacle.
// But requests that wait for the result of the same Do get the same panic, although
// they have not exited: their responses are cut off. Functions that several
// requests share should return an error, see [Handler].
//
// It is for goroutines that lastbyte started or serves, and no others: elsewhere
// (a bare go statement, errgroup.Group.Go, singleflight's DoChan) nobody recovers
// it, and a panic that nobody recovers ends the process. Outside any lastbyte
// middleware, and with a code that is not valid, net/http drops the connection.
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

// Phase is a middleware from a function: OK, returned or thrown, goes on with the
// next handler, any other code exits with it. It panics if fn is nil. A code that is not valid is
// a bug of fn's: the request exits with 500, and the log says so.
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

// HeaderFilter runs fn once, just before the final status and headers are
// committed; informational responses pass by. It is header_filter_by_lua. fn
// may change h. OK lets the response pass; any other code replaces it, and the
// handler's body is dropped. The page of an exit passes through fn as well, but
// its code stands. Of several filters the innermost runs first, and each is shown
// the status that would go out then. If one panics, the response fails closed: only
// a status from 500 on, which a recoverer inside lastbyte may write, goes out
// without it; else the connection is dropped, after eof.Send too. fn runs on the
// goroutine that commits, in the middle of its write: it must not write or call
// eof.Send itself. HeaderFilter panics if fn is nil.
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

// Handler adapts a handler that returns an error. nil: fine. An error that
// carries a code ([Of]): that code. A client that aborted: 499, whatever the
// error says. Anything else: 500. An error with a code from 500 on, or with none,
// is logged whole, never shown; but not [ErrExited], [ErrEnded] and an abort,
// which say nothing that is not known. It panics if fn is nil.
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
	// ErrorPage writes the page of a code; nil: [PlainText]. The status is the
	// code's unless the page sets another; the page chooses headers and body. It
	// is written into memory first, on a goroutine of its own: if it panics or does
	// not return, the status goes out without a page.
	ErrorPage func(w http.ResponseWriter, r *http.Request, code Code)
}

// New gives the settings for the routes inside. The innermost counts.
func New(o Options) func(http.Handler) http.Handler {
	c := &request.Config{Page: defaultPage}
	if o.ErrorPage != nil {
		c.Page = func(w http.ResponseWriter, r *http.Request, code int) { o.ErrorPage(w, r, Code(code)) }
	}
	return func(next http.Handler) http.Handler { return request.Handler(c, next) }
}

// From gives the code that the request exited with.
func From(ctx context.Context) (Code, bool) {
	if r, ok := request.From(ctx); ok {
		code, exited := r.ExitCode()
		return Code(code), exited
	}
	return OK, false
}
