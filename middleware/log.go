package middleware

import (
	"context"
	"reflect"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/route"

	"github.com/rs/zerolog"
)

// silent reports whether log writes nothing.
func silent(log zerolog.Logger) bool {
	return log.GetLevel() == zerolog.Disabled || reflect.ValueOf(log).IsZero()
}

// line logs a request. The route and the request id come from chi's router and from
// handlers outside of the Lifecycle.
func (l *Lifecycle) line(r *request.Request, end request.Outcome) {
	req := r.HTTP()
	e := l.log.Info()
	if e == nil {
		return // the level is off
	}
	about(e, req.Context(), r)
	e.Str("proto", req.Proto)
	known(end).MarshalZerologObject(e)
	e.Msg("request")
}

// about adds the fields that identify a request. ctx has the route and the
// request id.
func about(e *zerolog.Event, ctx context.Context, r *request.Request) {
	req := r.HTTP()
	e.Str("method", req.Method).Str("path", req.URL.Path)
	if pattern := route.Pattern(ctx); pattern != "" {
		e.Str("route", pattern)
	}
	if id := route.RequestID(ctx); id != "" {
		e.Str("request_id", id)
	}
}

// doneLine logs the end of work that outlived its response.
func (l *Lifecycle) doneLine(ctx context.Context, r *request.Request) {
	e := l.log.Info()
	if e == nil {
		return
	}
	about(e, ctx, r)
	if o := r.Outcome(); o.EOF > 0 {
		e.Float64("eof_ms", ms(o.EOF))
	}
	e.Float64("worked_ms", ms(r.Age()))
	e.Msg("detached work ended")
}

// problem logs text at level error, with the stack of a panic if there is one.
func (l *Lifecycle) problem(ctx context.Context, r *request.Request, text string, stack []byte) {
	e := l.log.Error()
	if e == nil {
		return
	}
	about(e, ctx, r)
	if stack != nil {
		e.Bytes("stack", stack)
	}
	e.Msg(text)
}

// ms returns d in milliseconds, for fields whose names end in _ms.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// MarshalZerologObject adds the fields of o to e: status, sent, size (in bytes)
// and duration_ms, and where they apply exit, aborted, abort_reason,
// abort_after_ms, eof_ms, hijacked, panicked and cut. Fields whose names end in
// _ms are milliseconds as floats.
func (o Outcome) MarshalZerologObject(e *zerolog.Event) {
	e.Int("status", o.Status).Int("sent", o.Sent).Int64("size", o.Bytes).Float64("duration_ms", ms(o.Duration))
	if o.Exited {
		e.Int("exit", int(o.Exit))
	}
	if o.Abort != nil {
		e.Bool("aborted", true).Str("abort_reason", string(o.Abort.Reason)).Float64("abort_after_ms", ms(o.Abort.After))
	}
	if o.EOF > 0 {
		e.Float64("eof_ms", ms(o.EOF))
	}
	if o.Hijacked {
		e.Bool("hijacked", true)
	}
	if o.Panicked {
		e.Bool("panicked", true)
	}
	if o.Cut {
		e.Bool("cut", true)
	}
}
