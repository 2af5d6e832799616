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

// Controller is a request's: the verbs of the other packages as methods, for
// the context that [From] was given. They may be called from any goroutine at
// any time.
type Controller struct {
	ctx context.Context
	r   *request.Request
}

// From returns the Controller of the request that ctx belongs to; false if no
// lastbyte middleware is around the handler.
func From(ctx context.Context) (*Controller, bool) {
	r, ok := request.From(ctx)
	if !ok {
		return nil, false
	}
	return &Controller{ctx, r}, true
}

// OnAbort is [abort.On].
func (c *Controller) OnAbort(callback func(context.Context)) error { return abort.On(c.ctx, callback) }

// Exit is [exitcode.Exit].
func (c *Controller) Exit(code exitcode.Code) error { return exitcode.Exit(c.ctx, code) }

// EOF is [eof.Send].
func (c *Controller) EOF() error { return eof.Send(c.ctx) }

// Defer is [eof.Defer].
func (c *Controller) Defer(fn func(context.Context)) error { return eof.Defer(c.ctx, fn) }

// Spawn is [thread.Spawn].
func (c *Controller) Spawn(fn func(context.Context) error) (*thread.Thread, error) {
	return thread.Spawn(c.ctx, fn)
}

// Outcome is how the request ended, or stands now.
func (c *Controller) Outcome() Outcome { return outcome(c.r.Outcome()) }

// Outcome is how a request ended. It is a zerolog.LogObjectMarshaler and a
// slog.LogValuer.
type Outcome struct {
	Status int // recorded: 499 for an abort before the header, 444, what Exit said, 101 hijacked, 500 panicked
	// before the header, else what was sent
	Sent     int           // the status handed to net/http for the wire; 0 if none
	Bytes    int64         // body bytes
	Start    time.Time     // when the outermost lastbyte middleware got it
	Duration time.Duration // to the end of the response; without a Lifecycle around the handler, to now
	Exit     exitcode.Code // with Exited
	Exited   bool
	Abort    *abort.Error  // nil: the client stayed
	EOF      time.Duration // when Send ended the response; 0 if it did not
	Hijacked bool
	Panicked bool // not by http.ErrAbortHandler
	Cut      bool // the handler broke the response off with http.ErrAbortHandler, while the client was there
}

func outcome(o request.Outcome) Outcome {
	out := known(o)
	out.Start = o.Start()
	return out
}

// known is all of an Outcome but its Start, which takes a look at the clock.
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

// LogValue gives o's fields under the names of the log line.
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
