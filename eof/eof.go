// Package eof ends the response before the handler returns.
//
// In net/http a response is complete when its handler returns. Work after that
// either keeps the client waiting, or moves to a goroutine that is not counted
// or limited, whose panics end the process, that no shutdown waits for, and
// whose request is no longer valid. Inside [Background.Detach], [Send]
// completes the response: the connection serves its next request while the
// handler keeps running, and the Background limits it, recovers its panics and
// waits for it. Inside [Background.Handler], [Defer] and [After] run functions
// after the response has ended.
//
//	r.With(background.Detach).Post("/tasks", func(w http.ResponseWriter, r *http.Request) {
//		fmt.Fprintln(w, "got the task!")
//		if err := eof.Send(r.Context()); err != nil {
//			return // nobody has the response
//		}
//		index(r.Context())
//	})
//
// # Limits
//
// The work is lost if the process ends: what must not be lost belongs in a job
// engine. A compressor must be outside of Detach: what a compressor inside has
// not written at Send is lost. A context that a middleware between the
// outermost lastbyte middleware and Detach has derived is cancelled when the
// response ends.
package eof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Send ends the response now. It sends everything that was written and the
// trailers, and then the last chunk (HTTP/1.1, RFC 9112, section 7.1), the
// close of the connection (HTTP/1.0) or END_STREAM (HTTP/2, RFC 9113, section
// 8.1). The handler keeps running, and the connection is free for its next
// request. Send is ngx.eof of ngx_lua. It may be called from any goroutine of
// the request.
//
// After Send, writes fail with [ErrEnded] and change nothing, reads of the
// request body fail, and a client that leaves is no abort. ctx stays alive
// until the handler returns, for Options.Timeout, or until a forced shutdown.
// Uploaded files of the request are removed when the handler returns.
//
// Bytes that are written and headers that are set after Send are dropped, and
// one log line says so. A compressor or a session middleware inside Detach
// writes its part when the handler returns, which is too late: it must be
// outside.
//
// Send sends the header map as a Write does: a thread that calls Send must not
// do so while the handler uses the map.
//
// Errors: [ErrEnded] (this is the second call), [ErrNotDetached] (which is also
// logged), [ErrShortBody] (fewer bytes were written than the declared
// Content-Length; what was written is sent, and then the response is cut),
// http.ErrHijacked, [ErrExited], [ErrClientAborted] as an *abort.Error,
// [ErrNoRequest], and another error while a HeaderFilter runs. After every
// error but ErrShortBody nothing has changed.
func Send(ctx context.Context) error {
	if r, ok := request.From(ctx); ok {
		return r.Send(ctx)
	}
	return ErrNoRequest
}

// Defer runs fn on a separate goroutine after the response has ended, however
// it ended. It is ngx.timer.at of ngx_lua with a delay of 0. On HTTP/1 with the
// ConnState hook of middleware.Lifecycle.Attach, the response has ended when
// its last byte was handed to the socket; otherwise when the outermost lastbyte
// handler has returned, which is microseconds earlier. If the response has
// ended before the call, in a task or a detached handler, fn runs at once.
//
// The context of fn has the values of ctx, route parameters included, but is
// not cancelled with ctx. It ends when fn returns, after Options.Timeout, or in
// a forced shutdown. A panic of fn goes to Options.OnPanic.
//
// Errors: [ErrTooManyPending], [ErrShuttingDown] (after a forced shutdown),
// [ErrOff], [ErrNoRequest] and [ErrNilFunc]. After an error fn does not run.
func Defer(ctx context.Context, fn func(context.Context)) error {
	return after(ctx, 0, fn, "eof.Defer")
}

// After is [Defer] with a delay of d after the end of the response: fn, its context, its
// limits and the errors are those of Defer. A shutdown runs fn early, see [Premature].
// Once a shutdown has begun, After returns [ErrShuttingDown] if d is greater than 0. It is
// ngx.timer.at of ngx_lua.
func After(ctx context.Context, d time.Duration, fn func(context.Context)) error {
	return after(ctx, d, fn, "eof.After")
}

func after(ctx context.Context, d time.Duration, fn func(context.Context), name string) error {
	r, ok := request.From(ctx)
	switch {
	case fn == nil:
		return fmt.Errorf("%s: %w", name, ErrNilFunc)
	case !ok:
		return ErrNoRequest
	}
	o, ok := r.Owner().(*owner)
	if !ok {
		return ErrOff
	}
	b := (*Background)(o)
	t := &task{req: r, fn: fn, delay: d}
	t.init(b, ctx)
	if err := b.reserve(t); err != nil {
		return err
	}
	r.Defer(t.due)
	return nil
}

// Premature reports whether the task of [After] that ctx belongs to runs early
// because the server is shutting down. It is the argument premature of an
// ngx_lua timer.
func Premature(ctx context.Context) bool {
	t := taskOf(ctx)
	return t != nil && t.premature
}

// The errors of this package.
var (
	ErrClientAborted  = request.ErrClientAborted // the client left before Send
	ErrEnded          = request.ErrEnded         // the response is complete
	ErrExited         = request.ErrExited        // the request exited before Send
	ErrNotDetached    = request.ErrNotDetached   // no Detach is around this handler
	ErrShortBody      = request.ErrShortBody     // fewer bytes were written than the declared Content-Length
	ErrTooManyPending = errors.New("eof: too many pending tasks")
	ErrShuttingDown   = errors.New("eof: shutting down") // a shutdown has begun; also the cause of contexts that a forced shutdown cancels
	ErrOff            = errors.New("eof: no Background around this handler")
	ErrNoRequest      = request.ErrNoRequest // no lastbyte middleware is around this handler
	ErrNilFunc        = request.ErrNilFunc   // Defer, After, Go or Every was called without a function

	ErrNoName          = errors.New("eof: no name")                  // Go, After or Every of a Background was called without a name
	ErrInvalidInterval = errors.New("eof: interval is not positive") // Every was called with such a duration
)
