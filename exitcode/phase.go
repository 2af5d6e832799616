package exitcode

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Phase makes a middleware from fn. If fn returns or throws [OK], the next handler
// runs, also after eof.Send; with any other code the request exits. If fn itself has
// exited, or the client has aborted, the next handler does not run. An invalid code is
// a bug of fn: the request exits with 500, and the code is logged. Phase panics if fn
// is nil.
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
			if req.Replaced() {
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

// Rewrite is a [Phase] that may hand another request to the next handler: one with a
// new context after authentication, for instance, or with another path. It is
// rewrite_by_lua of ngx_lua. If fn returns a nil error, or throws [OK], the next handler
// runs with the request that fn has returned, or with the same as fn if that is nil. An
// error ends the request as with [Handler], whatever the request is: return
// Code(401).Err() for a 401.
//
// The request should be made from the one that fn is given, by WithContext or Clone, as
// its context should. If the context is not made from that one, the next handler gets a
// context with its values first, which ends with it or with the request's: the verbs of
// lastbyte work there, too.
//
// Pattern, Form, PostForm, MultipartForm and path values that the handlers inside set
// are carried back to the request that fn was given, once they have returned; so
// uploaded files are removed in the end. fn runs on the handler's goroutine. Rewrite
// panics if fn is nil.
func Rewrite(fn func(http.ResponseWriter, *http.Request) (*http.Request, error)) func(http.Handler) http.Handler {
	if fn == nil {
		panic("exitcode.Rewrite: nil function")
	}
	return func(next http.Handler) http.Handler {
		return request.Handler(none, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			req, _ := request.From(ctx)
			var (
				in  *http.Request
				err error
			)
			if _, thrown := req.Catch(func() { in, err = fn(w, r) }); thrown {
				in, err = nil, nil // what else was thrown has ended the request
			}
			switch {
			case err != nil:
				_ = fail(ctx, req, err, "exitcode.Rewrite", r) // the first exit stands
			case !req.Replaced():
				req.Rewritten(ctx, r, in, func(in *http.Request) { next.ServeHTTP(w, in) })
			}
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
