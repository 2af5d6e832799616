package middleware

import (
	"context"
	"log/slog"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/thread"
)

// Controller offers functions of the other packages as methods, for the request
// of the context that was passed to [From]. Its methods may be called from any
// goroutine at any time.
type Controller struct {
	ctx context.Context
	r   *request.Request
}

// From returns the Controller of the request that ctx belongs to. The result is
// false if no lastbyte middleware is around the handler.
func From(ctx context.Context) (*Controller, bool) {
	r, ok := request.From(ctx)
	if !ok {
		return nil, false
	}
	return &Controller{ctx, r}, true
}

// OnAbort calls [abort.On].
func (c *Controller) OnAbort(callback func(context.Context)) error { return abort.On(c.ctx, callback) }

// Exit calls [exitcode.Exit].
func (c *Controller) Exit(code exitcode.Code) error { return exitcode.Exit(c.ctx, code) }

// EOF calls [eof.Send].
func (c *Controller) EOF() error { return eof.Send(c.ctx) }

// Defer calls [eof.Defer].
func (c *Controller) Defer(fn func(context.Context)) error { return eof.Defer(c.ctx, fn) }

// Spawn calls [thread.Spawn].
func (c *Controller) Spawn(fn func(context.Context) error) (*thread.Thread, error) {
	return thread.Spawn(c.ctx, fn)
}

// Outcome returns how the request ended, or its state so far.
func (c *Controller) Outcome() Outcome { return outcome(c.r.Outcome()) }

// Outcome says how a request ended. It is a zerolog.LogObjectMarshaler and a
// slog.LogValuer.
type Outcome struct {
	// Status is the recorded status: the code of an exit before the header (0
	// for -1), 499 for an abort before the header, 500 for a panic before the
	// header, 101 if the connection was hijacked, otherwise the status that was
	// sent.
	Status int

	Sent     int           // the status that was passed to net/http to be sent; 0 if there was none
	Bytes    int64         // the bytes of the body that were written
	Start    time.Time     // when the outermost lastbyte middleware received the request
	Duration time.Duration // from Start to the end of the response; without a Lifecycle around the handler, to now
	Exit     exitcode.Code // the code of the exit, if Exited
	Exited   bool          // the request exited
	Abort    *abort.Error  // the client's abort; nil if there was none
	EOF      time.Duration // from Start to the end of the response by eof.Send; 0 without it
	Hijacked bool          // the handler has hijacked the connection
	Panicked bool          // the handler panicked, with another value than http.ErrAbortHandler
	Cut      bool          // the handler panicked with http.ErrAbortHandler while the client was there
}

func outcome(o request.Outcome) Outcome {
	out := known(o)
	out.Start = o.Start()
	return out
}

// known returns an Outcome without its Start, which needs a look at the clock.
func known(o request.Outcome) Outcome {
	out := Outcome{
		Status: o.Status, Sent: o.Sent, Bytes: o.Bytes, Duration: o.Duration,
		EOF: o.EOF, Hijacked: o.Hijacked, Panicked: o.Panicked, Cut: o.Cut,
	}
	if o.Exit != nil {
		out.Exit, out.Exited = exitcode.Code(o.Exit.Code), true
	}
	out.Abort, _ = o.Abort.(*abort.Error)
	return out
}

// LogValue returns the fields of o under the names of the log line, see
// [Outcome.MarshalZerologObject].
func (o Outcome) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Int("status", o.Status), slog.Int("sent", o.Sent),
		slog.Int64("size", o.Bytes), slog.Float64("duration_ms", ms(o.Duration)),
	}
	if o.Exited {
		attrs = append(attrs, slog.Int("exit", int(o.Exit)))
	}
	if o.Abort != nil {
		attrs = append(attrs, slog.Bool("aborted", true),
			slog.String("abort_reason", string(o.Abort.Reason)), slog.Float64("abort_after_ms", ms(o.Abort.After)))
	}
	if o.EOF > 0 {
		attrs = append(attrs, slog.Float64("eof_ms", ms(o.EOF)))
	}
	if o.Hijacked {
		attrs = append(attrs, slog.Bool("hijacked", true))
	}
	if o.Panicked {
		attrs = append(attrs, slog.Bool("panicked", true))
	}
	if o.Cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	return slog.GroupValue(attrs...)
}
