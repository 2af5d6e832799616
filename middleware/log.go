package middleware

import (
	"reflect"

	"github.com/lastbyte-go/lastbyte/internal/request"

	"github.com/rs/zerolog"
)

// silent reports whether nobody would read what log writes.
func silent(log zerolog.Logger) bool {
	return log.GetLevel() == zerolog.Disabled || reflect.ValueOf(log).IsZero()
}

// line logs a request. The route and the request id are those that handlers
// outside of the Lifecycle, and chi's router, have left.
func (l *Lifecycle) line(r *request.Request, end request.Outcome) {
	req := r.HTTP()
	e := l.log.Info()
	if e == nil {
		return // of no interest at this level
	}
	e.Str("method", req.Method).Str("path", req.URL.Path)
	if route := request.RoutePattern(req.Context()); route != "" {
		e.Str("route", route)
	}
	e.Str("proto", req.Proto)
	if id := request.ID(req.Context()); id != "" {
		e.Str("request_id", id)
	}
	known(end).MarshalZerologObject(e)
	e.Msg("request")
}

// doneLine logs the end of work that outlived its response.
func (l *Lifecycle) doneLine(r *request.Request) {
	req := r.HTTP()
	o := r.Outcome()
	e := l.log.Info()
	e.Str("method", req.Method).Str("path", req.URL.Path)
	if o.EOF > 0 {
		e.Dur("eof", o.EOF)
	}
	e.Dur("worked", r.Age())
	e.Msg("detached work ended")
}

// problem logs what went wrong in a request.
func (l *Lifecycle) problem(r *request.Request, text string) {
	req := r.HTTP()
	l.log.Error().Str("method", req.Method).Str("path", req.URL.Path).Msg(text)
}

// MarshalZerologObject adds o's fields to e: status, sent, size and duration;
// and, where they apply, exit, aborted, abort_reason, eof, hijacked, panicked,
// cut.
func (o Outcome) MarshalZerologObject(e *zerolog.Event) {
	e.Int("status", o.Status).Int("sent", o.Sent).Int64("size", o.Bytes).Dur("duration", o.Duration)
	if o.Exited {
		e.Int("exit", int(o.Exit))
	}
	if o.Abort != nil {
		e.Bool("aborted", true).Str("abort_reason", string(o.Abort.Reason)).Dur("abort_after", o.Abort.After)
	}
	if o.EOF > 0 {
		e.Dur("eof", o.EOF)
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
