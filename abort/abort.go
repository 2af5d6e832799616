// Package abort notices that the client left before it had its answer.
//
// net/http cancels a request's context when the client's connection ends, but
// also when the handler has returned, when the server closes and when a read
// deadline passes, and never says which. It sees nothing at all while request
// body or a pipelined byte is unread. Inside [Check], the request's context is
// cancelled by an abort with an [*Error] as its cause, and [On] runs one
// function instead:
//
//	r.Use(abort.Check)
//	...
//	abort.On(ctx, func(ctx context.Context) {
//		exitcode.Exit(ctx, exitcode.ClientClosedRequest) // first: it ends the query that Rollback would wait for
//		tx.Rollback()
//	})
//
// The order matters. With a callback registered the abort cancels nothing; the
// exit does, and so it interrupts what the handler is waiting for.
// database/sql's Rollback cancels no query: it waits for the one that runs.
//
// # Limits
//
// A client whose machine lost its power or network says nothing; only TCP
// keep-alive, set on the listener, ends its connection. A client behind a
// reverse proxy leaves when the proxy does.
package abort

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Options are the settings of [New].
type Options struct {
	// IgnoreHalfClose makes a bare FIN no abort; only a reset, a failed write or
	// an HTTP/2 stream reset is. False: a FIN is an abort, as for net/http. A
	// plain close also begins with a bare FIN: a handler that does not write then
	// never learns of it. It needs [ConnContext]: without it nothing tells a FIN
	// from a reset.
	IgnoreHalfClose bool

	// CallbackTimeout is the deadline of the callback's context, counted from its
	// start. 0: none.
	CallbackTimeout time.Duration
}

// Check makes an abort known to the handlers inside it: their context is
// cancelled with an [*Error] as its cause and what they still write is dropped,
// or the callback of [On] runs. It is nginx's lua_check_client_abort.
func Check(next http.Handler) http.Handler { return request.Handler(defaults, next) }

var defaults = config(Options{})

// New is [Check] with settings; New(Options{}) is Check. It panics if
// o.CallbackTimeout is negative.
func New(o Options) func(http.Handler) http.Handler {
	if o.CallbackTimeout < 0 {
		panic(fmt.Sprintf("abort.New: negative CallbackTimeout, got %v", o.CallbackTimeout))
	}
	c := config(o)
	return func(next http.Handler) http.Handler { return request.Handler(c, next) }
}

// Ignore switches the check off for the handlers inside it. Of Check and Ignore
// around a handler, the innermost counts.
func Ignore(next http.Handler) http.Handler { return request.Handler(ignore, next) }

var ignore = &request.Config{Ignore: true}

func config(o Options) *request.Config {
	return &request.Config{Check: &request.Check{
		IgnoreHalfClose: o.IgnoreHalfClose,
		CallbackTimeout: o.CallbackTimeout,
		NewError: func(reason string, after time.Duration, err error) error {
			return &Error{Reason: Reason(reason), After: after, Err: err}
		},
	}}
}

// On registers callback to run at most once, on a goroutine of its own, when
// the client aborts. It is ngx.on_abort. A client that has left already has it
// run at once.
//
// Before the callback has exited, and if it does not exit at all, the handler
// goes on undisturbed: its context is not cancelled by the abort. The response
// ends only after the callback has returned. A callback that undoes what the
// handler began should exit first: the exit cancels the handler's context, so
// that a query under way ends before sql.Tx.Rollback has to wait for it. The
// callback may use what the handler owns as far as that is safe for two goroutines, but neither the
// ResponseWriter nor the request body. A panic of the callback is logged.
//
// The ctx that the callback gets has the values of the ctx given here; neither
// the abort nor an exit cancels it. It ends when the callback returns, at
// Options.CallbackTimeout, or when the server gives up draining.
//
// Errors: [ErrCheckOff], [ErrDuplicate], [ErrEnded], [ErrNoRequest],
// [ErrNilFunc]; each of them changes nothing.
func On(ctx context.Context, callback func(context.Context)) error {
	r, ok := request.From(ctx)
	switch {
	case callback == nil:
		return fmt.Errorf("abort.On: %w", ErrNilFunc)
	case !ok:
		return ErrNoRequest
	case request.IsTask(ctx):
		return ErrEnded
	}
	return r.On(ctx, callback)
}

// Cause tells whether, why and when the client aborted. ok is false while the
// client is there, and always when the check is off.
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

// Wrap returns err while the client is there, else an error that Is both err
// and [ErrClientAborted]: one test for every library's own words for a vanished
// client, such as io.EOF, a CloseError 1006, sql.ErrTxDone, context.Canceled or
// EPIPE. Wrap(ctx, nil) is nil. On a hijacked connection it asks the socket, as
// long as that is open; over TLS, where a client's close_notify may be there
// before its FIN, it may take up to 13 ms, but for an err that is a timeout.
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

// Shield returns a context like ctx that a client abort does not cancel; an
// exit, deadlines and a forced shutdown still do, and so does the end of the
// request. It is for the stretch past a commit point. Without a lastbyte
// middleware around, and in work after the response, which no abort ends, it is
// ctx itself. Nothing is kept of it once ctx has ended otherwise.
func Shield(ctx context.Context) context.Context {
	if r, ok := request.From(ctx); ok {
		return r.Shield(ctx)
	}
	return ctx
}

// ConnContext is for http.Server.ConnContext. It keeps the connection in ctx,
// so that a [Reason] can be established at the socket, and a server that closes
// or a read deadline that passes (golang/go#70834) is never taken for the
// client. middleware.Lifecycle.Attach installs it.
//
// On HTTP/2 it also has to know who closed the connection first. net/http tells
// the server's ConnState hook, so a server whose ConnContext is this very
// function gets such a hook, in front of its own, with its first connection.
// Where ConnContext is another function that calls this one, and where HTTP/2 is
// served by others than net/http, Close of the server counts as the client's end:
// use Lifecycle.Attach.
//
// On HTTP/2 and TLS a handler around lastbyte that cancels the context without
// a cause still looks like a client that left; context.WithCancelCause tells
// them apart. An HTTP/2 connection that was reset may be told as closed.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	ctx, conn := request.WithConn(ctx, c)
	conn.HookConnState(ConnContext)
	return ctx
}
