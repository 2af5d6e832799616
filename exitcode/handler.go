package exitcode

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// Handler makes a handler from a function that returns an error. A nil error
// ends the request normally. An error that carries a code (see [Of]) exits with
// that code, and any other error exits with 500, as does one with the code [OK] or an
// invalid one. If the client has aborted, the code is 499, whatever the error is.
//
// Where the header is out, the response ends as it stands, and looks complete unless the
// code drops the connection: for a stream that breaks off return an [ExitError] with the
// code [Error].
//
// An error without a code, or with the code [Error] or one from 500 on, is logged with its
// whole text, once. The client is sent the Detail of an [ExitError] and nothing else. What
// only repeats how the request has ended is not logged again: [ErrExited], [ErrEnded], the
// error of an abort, an error that [ExitWith] was given before, and after an exit the error
// of the cancelled context. Handler panics if fn is nil.
func Handler(fn func(http.ResponseWriter, *http.Request) error) http.Handler {
	if fn == nil {
		panic("exitcode.Handler: nil function")
	}
	return request.Handler(none, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fn(w, r); err != nil {
			req, _ := request.From(r.Context())
			_ = fail(r.Context(), req, err, "exitcode.Handler", r) // the first exit stands
		}
	}))
}

// fail ends the request with err, and logs it: the one rule for errors that functions
// of the user's give. where names who was given err; its handler's request is hr, nil
// if it has none that may be read.
func fail(ctx context.Context, r *request.Request, err error, where string, hr *http.Request) error {
	if _, gone := r.Abort(nil); gone && !scope.IsTask(ctx) { // a task does not fail because its request was aborted
		return Exit(ctx, ClientClosedRequest)
	}
	e, ok := errors.AsType[*ExitError](err)
	if !ok || e == nil {
		e = &ExitError{}
	}
	code := e.Code
	if !code.valid() {
		where = fmt.Sprintf("%s: %v %d", where, ErrInvalidCode, int(code))
	}
	if !code.valid() || code == OK {
		code = http.StatusInternalServerError
	}
	if (code >= http.StatusInternalServerError || code == Error) && !echoes(ctx, err) {
		if hr != nil {
			where = fmt.Sprintf("%s: %q %q", where, hr.Method, hr.URL.Path)
		}
		r.Log(ctx, fmt.Sprintf("lastbyte: %s: %q", where, err))
	}
	if error(e) != err || code != e.Code {
		e = &ExitError{Code: code, Detail: e.Detail, Err: err}
	}
	return r.Exit(ctx, exitAs(e))
}

// echoes reports whether err only repeats to lastbyte what lastbyte has told the
// handler or was told by it: that the request has ended, and how.
func echoes(ctx context.Context, err error) bool {
	for _, told := range []error{ErrExited, ErrEnded, request.ErrClientAborted} {
		if errors.Is(err, told) {
			return true
		}
	}
	cause, ok := context.Cause(ctx).(*ExitError)
	if !ok {
		return false
	}
	e, ok := errors.AsType[*ExitError](err)
	return ok && e == cause || errors.Is(err, ctx.Err()) || cause.Err != nil && errors.Is(err, cause.Err)
}
