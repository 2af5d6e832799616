// Package abort tells a handler that its client left before it had the whole
// response.
//
// net/http cancels a request's context when the client's connection ends, but
// also when the handler has returned, when the server closes and when a read
// deadline passes, and it does not say which. While the request body or a
// pipelined byte is unread, it notices nothing (golang/go#23262, golang/go#37145).
// Inside [Check], a client that leaves cancels the request's context with an
// [*Error] as its cause, or runs the function that was registered with [On]:
//
//	r.Use(abort.Check)
//	...
//	abort.On(ctx, func(ctx context.Context) {
//		exitcode.Exit(ctx, exitcode.ClientClosedRequest) // first: it ends the query that Rollback would wait for
//		tx.Rollback()
//	})
//
// The order matters. If a callback is registered, the abort itself cancels
// nothing. The exit does, and so it interrupts what the handler is waiting for.
// database/sql's Rollback cancels no query: it waits for the one that runs.
//
// # Limits
//
// A client that loses power or its network sends nothing. TCP keep-alive or a
// failed write ends its connection. Behind a reverse proxy the client is the
// proxy. docs/aborts.md lists every case.
package abort

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// Options are the settings of [New]. The zero value is that of [Check].
type Options struct {
	// IgnoreHalfClose says that a FIN alone is no abort. A reset, a failed write
	// and an HTTP/2 stream reset still are. If it is false, a FIN is an abort, as
	// in net/http. A plain close also begins with a FIN, so with IgnoreHalfClose a
	// handler that does not write never learns of a close. It needs [ConnContext],
	// because without it a FIN cannot be distinguished from a reset.
	IgnoreHalfClose bool

	// CallbackTimeout is the time after which the context of a callback ends,
	// counted from the start of the callback. 0 means no limit. A callback that
	// ignores its context keeps running.
	CallbackTimeout time.Duration
}

// Check reports client aborts to the handlers inside it. An abort cancels their
// context with an [*Error] as its cause and their later writes are dropped with
// that error, or the callback of [On] runs. It is lua_check_client_abort of
// ngx_lua.
func Check(next http.Handler) http.Handler { return request.Handler(defaults, next) }

var defaults = config(Options{})

// New returns [Check] with the settings o; New(Options{}) is Check. It panics if
// o.CallbackTimeout is negative.
func New(o Options) func(http.Handler) http.Handler {
	if o.CallbackTimeout < 0 {
		panic(fmt.Sprintf("abort.New: negative CallbackTimeout, got %v", o.CallbackTimeout))
	}
	c := config(o)
	return func(next http.Handler) http.Handler { return request.Handler(c, next) }
}

// Ignore switches the check off for the handlers inside it. If several of Check,
// New and Ignore are around a handler, the innermost one decides.
func Ignore(next http.Handler) http.Handler { return request.Handler(ignore, next) }

var ignore = &request.Config{Ignore: true}

func config(o Options) *request.Config {
	return &request.Config{Check: &request.Check{
		IgnoreHalfClose: o.IgnoreHalfClose,
		CallbackTimeout: o.CallbackTimeout,
		NewError: func(reason, stage string, after time.Duration, err error) error {
			return &Error{Reason: Reason(reason), Stage: Stage(stage), After: after, Err: err}
		},
	}}
}

// On registers callback to run at most once, on a separate goroutine, when the
// client aborts. If the client has already left, the callback runs immediately.
// On is ngx.on_abort of ngx_lua. It may be called from any goroutine.
//
// If a callback is registered, the abort does not cancel the handler's context.
// The handler continues until the callback calls exitcode.Exit; if the callback
// does not, the handler runs to its end. The response ends only after the callback
// has returned. A callback that undoes what the handler began should exit first:
// the exit cancels the handler's context, so that a query that is running ends and
// sql.Tx.Rollback does not wait for it. The callback may use what the handler owns
// as far as that is safe for two goroutines, but neither the ResponseWriter nor the
// request body. A panic of the callback is logged, and the handler continues.
//
// The context that the callback gets has the values of ctx. Neither the abort
// nor an exit cancels it. It ends when the callback returns, after
// Options.CallbackTimeout, or when a shutdown gives up waiting.
//
// Errors: [ErrCheckOff], [ErrDuplicate], [ErrEnded], [ErrNoRequest] and
// [ErrNilFunc]. After each of them nothing has changed. On returns ErrEnded when
// the response is complete, after an exit or eof.Send, and in a task.
func On(ctx context.Context, callback func(context.Context)) error {
	r, ok := request.From(ctx)
	switch {
	case callback == nil:
		return fmt.Errorf("abort.On: %w", ErrNilFunc)
	case !ok:
		return ErrNoRequest
	case scope.IsTask(ctx):
		return ErrEnded
	}
	return r.On(ctx, callback)
}

// AfterFunc runs f on a separate goroutine if the client aborts. It is for meters,
// caches and libraries: any number of functions may be registered, by anybody, and
// none of them keeps the handler from calling [On]. AfterFunc may be called from any
// goroutine. If the client has already left, f runs immediately.
//
// Unlike a callback of On, f decides nothing: the abort does to the request what it
// would have done without f. If there is no callback of On, the abort has cancelled the
// request's context when f runs. [Cause] gives the abort then. The response ends only
// after f has returned, except that an exit under eof.Background.Detach does not wait.
// What f may use, the context that it gets, and a panic of f are as for On.
//
// stop reports whether it kept f from running. It is false if f has begun, which
// stop does not wait for, or if f was stopped before. Nothing is kept for a function
// that was stopped. stop may be called from any goroutine, also after the request has
// ended.
//
// f never runs, and stop reports true, where no abort can be known: if no [Check], or
// [Ignore], is around the handler, if the response is complete, after an exit or
// eof.Send (unless the client had left before), in a task, without a lastbyte middleware,
// and if f is nil.
func AfterFunc(ctx context.Context, f func(context.Context)) (stop func() bool) {
	r, ok := request.From(ctx)
	if !ok || f == nil || scope.IsTask(ctx) {
		return never
	}
	if stop = r.AfterFunc(ctx, f); stop == nil {
		return never
	}
	return stop
}

// never is the stop of a function that never runs.
func never() bool { return true }

// Cause reports whether, why and when the client aborted, and how far the request
// was. ok is false while the client is there, and always if the check is off. Cause
// may be called from any goroutine, also after the request has ended.
func Cause(ctx context.Context) (e *Error, ok bool) {
	return ask(ctx, nil)
}

func ask(ctx context.Context, why error) (e *Error, ok bool) {
	r, found := request.From(ctx)
	if !found {
		return nil, false
	}
	err, ok := r.Abort(why)
	if !ok {
		return nil, false
	}
	e, ok = err.(*Error)
	return e, ok
}

// Wrap returns err unchanged while the client is there. After an abort it
// returns an error that matches both err and [ErrClientAborted]. So one test
// with errors.Is covers the different errors of libraries for a client that
// left, such as io.EOF, a CloseError 1006, sql.ErrTxDone, context.Canceled or
// EPIPE. Wrap(ctx, nil) is nil.
//
// On a hijacked connection Wrap examines the socket, as long as it is open.
// Over TLS, where the client's close_notify may arrive before its FIN, that may
// take up to 13 ms, unless err is a timeout.
func Wrap(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := ask(ctx, err); ok {
		return &wrapped{err, e}
	}
	return err
}

type wrapped struct {
	err   error
	abort *Error
}

func (w *wrapped) Error() string   { return w.err.Error() + " (" + w.abort.Error() + ")" }
func (w *wrapped) Unwrap() []error { return []error{w.err, w.abort} }

// Shield returns a context like ctx that a client abort does not cancel. An
// exit, a deadline, a forced shutdown and the end of the request still cancel
// it. Use it for work that must be completed once it has reached a certain
// point. Without a lastbyte middleware around the handler, and in work after
// the response, which an abort does not end, Shield returns ctx itself. No
// memory is kept for the result once ctx has ended.
func Shield(ctx context.Context) context.Context {
	if r, ok := request.From(ctx); ok {
		return r.Shield(ctx)
	}
	return ctx
}

// ConnContext is for http.Server.ConnContext. It keeps the connection in the
// context, so that lastbyte can find the [Reason] of an abort at the socket,
// notices aborts where net/http does not, and never mistakes a server that
// closes or a read deadline that passes (golang/go#70834) for the client.
// middleware.Lifecycle.Attach installs it.
//
// On HTTP/2 lastbyte must also know which side closed the connection first.
// net/http reports that to the server's ConnState hook. If the server's
// ConnContext is this function itself, the first connection installs such a
// hook in front of the server's own. If ConnContext is another function that
// calls this one, or if HTTP/2 is not served by net/http, a Close of the server
// counts as the end of the client: use Lifecycle.Attach.
//
// On HTTP/2 and TLS a handler around lastbyte that cancels the context without
// a cause looks like a client that left; context.WithCancelCause distinguishes
// them. A reset of an HTTP/2 connection may be reported as [Closed].
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	ctx, known := conn.With(ctx, c)
	known.HookConnState(ConnContext)
	return ctx
}
