// Package eof ends the response before the handler ends.
//
// In net/http a response is complete when its handler returns: work after the
// answer keeps the client waiting, or moves to a goroutine that nobody counts,
// limits, recovers or waits for at shutdown, and whose request is recycled
// under it. Inside [Background.Detach], [Send] completes the response; the
// handler works on as the Background's, and the connection takes its next
// request. Inside [Background.Handler], [Defer] and [After] run functions once
// the response has ended.
//
//	r.With(background.Detach).Post("/tasks", func(w http.ResponseWriter, r *http.Request) {
//		fmt.Fprintln(w, "got the task!")
//		eof.Send(r.Context())
//		index(r.Context())
//	})
//
// # Limits
//
// The work lives in this process and dies with it: what must not be lost
// belongs into a job engine. A compressor has to be outside of Detach: what one
// inside still holds back at Send is lost. A context derived by a middleware between
// lastbyte's outermost and Detach is cancelled when the response ends.
package eof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Send ends the response now: all that was written, trailers, then the last
// chunk (HTTP/1.1), the close (HTTP/1.0) or END_STREAM (HTTP/2). It is ngx.eof.
// The handler runs on; the connection is free for its next request.
//
// After it, writes fail with [ErrEnded] and change nothing, reads of the
// request body fail, and a client that leaves is no abort. ctx lives on until
// the handler returns, the Background's Timeout or a forced shutdown. Uploaded
// files of the handler's request are removed when it returns.
//
// What is written after it, and headers that are set, are dropped, and one line of
// the log says so. A compressor or a session middleware inside Detach gives its part
// when the handler returns: it has to stand outside.
//
// Send hands the header map over as a Write does: a thread that calls it must
// not race with the handler's use of the map.
//
// Errors: [ErrEnded] (a second call), [ErrNotDetached] (logged, too),
// [ErrShortBody] (fewer bytes than the declared Content-Length: what was
// written goes out, then the connection is cut), http.ErrHijacked,
// [ErrExited], [ErrClientAborted] as an *abort.Error, [ErrNoRequest]; and one
// while a HeaderFilter runs. After any but ErrShortBody nothing has changed.
func Send(ctx context.Context) error {
	if r, ok := request.From(ctx); ok {
		return r.Send(ctx)
	}
	return ErrNoRequest
}

// Defer runs fn once the response has ended, however it ended. It is
// ngx.timer.at(0). Ended means: its last byte was handed to the socket (HTTP/1
// with ConnState, which middleware.Lifecycle.Attach sets), else the outermost
// lastbyte handler has returned, microseconds before. Called after that, by a
// task or a detached handler, fn runs at once.
//
// fn's ctx has the values of ctx, route parameters included, and nothing of its
// cancellation; it ends when fn returns, at Options.Timeout or in a forced
// shutdown. A panic of fn goes to Options.OnPanic.
//
// Errors: [ErrTooManyPending], [ErrShuttingDown] (after a forced shutdown),
// [ErrOff], [ErrNoRequest], [ErrNilFunc]; fn then does not run.
func Defer(ctx context.Context, fn func(context.Context)) error {
	return after(ctx, 0, fn, "eof.Defer")
}

// After is [Defer], d later; a shutdown runs fn early, see [Premature]. Once a
// shutdown has begun it gives [ErrShuttingDown] for a d above 0.
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
	t := &task{b: b, req: r, fn: fn, delay: d}
	if err := b.reserve(t); err != nil {
		return err
	}
	t.ctx = r.TaskScope(ctx, t)
	r.Defer(t.due)
	return nil
}

// Premature reports, in a task of [After], that it runs early because the
// server is shutting down.
func Premature(ctx context.Context) bool {
	if ctx == nil {
		return false
	}
	t, ok := request.TaskOf(ctx).(*task)
	return ok && t.premature
}

// The errors of this package.
var (
	ErrClientAborted  = request.ErrClientAborted // the client left before Send
	ErrEnded          = request.ErrEnded         // the response is complete
	ErrExited         = request.ErrExited        // an exit came before Send
	ErrNotDetached    = request.ErrNotDetached   // no Detach around this handler
	ErrShortBody      = request.ErrShortBody     // fewer bytes than the declared Content-Length
	ErrTooManyPending = errors.New("eof: too many pending tasks")
	ErrShuttingDown   = errors.New("eof: shutting down") // a shutdown has begun; also the cause of contexts that a forced shutdown cancels
	ErrOff            = errors.New("eof: no Background around this handler")
	ErrNoRequest      = request.ErrNoRequest // no lastbyte middleware around this handler
	ErrNilFunc        = request.ErrNilFunc   // Defer or After without a function
)
