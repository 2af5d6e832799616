package middleware

import (
	"log/slog"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/request"

	"github.com/rs/zerolog"
)

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
	Panicked bool          // the handler panicked, with another value than http.ErrAbortHandler; after the response: for OnDone
	Cut      bool          // the response was broken off on this side: by http.ErrAbortHandler, or by a Timeout or Recover after the header
	Worked   time.Duration // from Start to the end of a handler that outlived the response; 0 before that, and for every other
	Attrs    []slog.Attr   // what SetAttrs added
}

func outcome(o request.Outcome) Outcome {
	out := known(&o)
	out.Start = o.Start()
	return out
}

// known returns an Outcome without its Start, which needs a look at the clock.
func known(o *request.Outcome) Outcome {
	out := Outcome{
		Status: o.Status, Sent: o.Sent, Bytes: o.Bytes, Duration: o.Duration,
		EOF: o.EOF, Hijacked: o.Hijacked, Panicked: o.Panicked, Cut: o.Cut,
		Worked: o.Worked, Attrs: o.Attrs,
	}
	if o.Exit != nil {
		out.Exit, out.Exited = exitcode.Code(o.Exit.Code), true
	}
	out.Abort, _ = o.Abort.(*abort.Error)
	return out
}

// level is that of the request's line in the log.
func (o *Outcome) level() slog.Level {
	if o.Status >= 500 || o.Panicked {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// append appends o's fields to attrs, under the names of the log line.
func (o *Outcome) append(attrs []slog.Attr) []slog.Attr {
	return o.appendRare(append(attrs,
		slog.Int("status", o.Status), slog.Int("sent", o.Sent),
		slog.Int64("size", o.Bytes), slog.Float64("duration_ms", ms(o.Duration))))
}

// appendRare appends the fields that not every line has.
func (o *Outcome) appendRare(attrs []slog.Attr) []slog.Attr {
	if o.Exited {
		attrs = append(attrs, slog.Int("exit", int(o.Exit)))
	}
	if o.Abort != nil {
		attrs = append(attrs, slog.Bool("aborted", true),
			slog.String("abort_reason", string(o.Abort.Reason)), slog.String("abort_stage", string(o.Abort.Stage)),
			slog.Float64("abort_after_ms", ms(o.Abort.After)))
	}
	attrs = o.appendWork(attrs)
	if o.Hijacked {
		attrs = append(attrs, slog.Bool("hijacked", true))
	}
	attrs = o.appendPanicked(attrs)
	if o.Cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	return append(attrs, o.Attrs...)
}

// appendWork appends what is known of work that outlived the response.
func (o *Outcome) appendWork(attrs []slog.Attr) []slog.Attr {
	if o.EOF > 0 {
		attrs = append(attrs, slog.Float64("eof_ms", ms(o.EOF)))
	}
	if o.Worked > 0 {
		attrs = append(attrs, slog.Float64("worked_ms", ms(o.Worked)))
	}
	return attrs
}

// appendPanicked appends that the handler panicked.
func (o *Outcome) appendPanicked(attrs []slog.Attr) []slog.Attr {
	if o.Panicked {
		attrs = append(attrs, slog.Bool("panicked", true))
	}
	return attrs
}

// ms returns d in milliseconds, for fields whose names end in _ms.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// LogValue returns the fields of o under the names of the log line: status, sent,
// size (in bytes) and duration_ms, and where they apply exit, aborted, abort_reason,
// abort_stage, abort_after_ms, eof_ms, worked_ms, hijacked, panicked and cut; then
// Attrs. Fields whose names end in _ms are milliseconds as floats.
func (o Outcome) LogValue() slog.Value {
	return slog.GroupValue(o.append(nil)...)
}

// MarshalZerologObject adds the fields of o to e, see [Outcome.LogValue].
func (o Outcome) MarshalZerologObject(e *zerolog.Event) {
	var room [maxFields]slog.Attr
	addFields(e, o.append(room[:0]))
}
