package exitcode

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

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
