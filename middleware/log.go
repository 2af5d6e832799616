package middleware

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"reflect"

	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// maxFields is for how many fields of a line there is room on the stack.
const maxFields = 20

// logger writes the lines of a Lifecycle, to a zerolog.Logger or to a slog.Logger.
type logger struct {
	zerolog zerolog.Logger
	slog    *slog.Logger // nil: zerolog
	silent  bool         // nobody would read it
	json    bool         // zerolog writes JSON
}

func newLogger(o Options) logger {
	none := o.Logger.GetLevel() == zerolog.Disabled || reflect.ValueOf(o.Logger).IsZero()
	if o.Slog != nil && !none {
		panic("middleware.New: one logger, got both Logger and Slog")
	}
	return logger{zerolog: o.Logger, slog: o.Slog, silent: none && o.Slog == nil, json: writesJSON()}
}

// line is a line of the log: its fields are listed here, whichever logger writes
// them.
type line struct {
	level   slog.Level
	text    string
	facts   facts
	about   subject
	outcome Outcome // unless it is about a problem
	stack   []byte  // nil: there is none
}

// subject is what a line is about.
type subject int

const (
	problem subject = iota
	response
	detachedWork
)

// append appends the fields to attrs.
func (l *line) append(attrs []slog.Attr) []slog.Attr {
	if l.facts.method != "" || l.facts.path != "" { // else it is of no request, or of one that is over
		attrs = append(attrs, slog.String("method", l.facts.method), slog.String("path", l.facts.path))
	}
	if l.facts.route != "" {
		attrs = append(attrs, slog.String("route", l.facts.route))
	}
	if l.facts.id != "" {
		attrs = append(attrs, slog.String("request_id", l.facts.id))
	}
	switch l.about {
	case response:
		attrs = append(attrs, slog.String("proto", l.facts.proto))
		attrs = l.outcome.append(attrs)
	case detachedWork:
		attrs = append(l.outcome.appendPanicked(l.outcome.appendWork(attrs)), l.outcome.Attrs...)
	}
	return attrs
}

// addTo adds the fields to e.
func (l *line) addTo(e *zerolog.Event) {
	var room [maxFields]slog.Attr
	addFields(e, l.append(room[:0]))
}

// write writes l, with the values of ctx for the handler of a slog.Logger.
func (w *logger) write(ctx context.Context, l *line) {
	if w.slog != nil {
		w.writeSlog(ctx, l)
		return
	}
	e := w.zerolog.Info()
	if l.level >= slog.LevelError {
		e = w.zerolog.Error()
	}
	if e == nil {
		return // of no interest at this level
	}
	if !w.json || !addResponse(e, l) {
		l.addTo(e)
	}
	if l.stack != nil {
		e.Bytes("stack", l.stack)
	}
	e.Msg(l.text)
}

func (w *logger) writeSlog(ctx context.Context, l *line) {
	if !w.slog.Enabled(ctx, l.level) {
		return
	}
	attrs := l.append(make([]slog.Attr, 0, maxFields))
	if l.stack != nil {
		attrs = append(attrs, slog.String("stack", string(l.stack)))
	}
	w.slog.LogAttrs(ctx, l.level, l.text, attrs...)
}

// addFields adds attrs to e. A key without a name and a value without one are left
// out, and a group without a name is opened, as package slog has it.
func addFields(e *zerolog.Event, attrs []slog.Attr) {
	for i := range attrs {
		addField(e, attrs[i].Key, attrs[i].Value)
	}
}

func addField(e *zerolog.Event, key string, v slog.Value) {
	if v.Kind() == slog.KindLogValuer {
		v = v.Resolve()
	}
	switch v.Kind() {
	case slog.KindString:
		e.Str(key, v.String())
	case slog.KindInt64:
		e.Int64(key, v.Int64())
	case slog.KindUint64:
		e.Uint64(key, v.Uint64())
	case slog.KindFloat64:
		e.Float64(key, v.Float64())
	case slog.KindBool:
		e.Bool(key, v.Bool())
	case slog.KindDuration:
		e.Dur(key, v.Duration())
	case slog.KindTime:
		e.Time(key, v.Time())
	case slog.KindGroup:
		addGroup(e, key, v.Group())
	default:
		addAny(e, key, v.Any())
	}
}

func addGroup(e *zerolog.Event, key string, attrs []slog.Attr) {
	switch {
	case len(attrs) == 0:
	case key == "":
		addFields(e, attrs)
	default:
		d := zerolog.Dict()
		addFields(d, attrs)
		e.Dict(key, d)
	}
}

// addAny adds a value whose methods may panic. Then a word for that is added, as log/slog
// has it, and the line is not lost: zerolog has written nothing, but for what marshals
// itself to e.
func addAny(e *zerolog.Event, key string, v any) {
	if m, ok := v.(zerolog.LogObjectMarshaler); ok {
		e.Object(key, m)
		return
	}
	defer func() {
		if v := recover(); v != nil {
			e.Str(key, fmt.Sprintf("!PANIC: %v", v))
		}
	}()
	switch v := v.(type) {
	case nil:
		if key != "" {
			e.Interface(key, nil)
		}
	case error:
		e.AnErr(key, v)
	default:
		e.Interface(key, v)
	}
}

// requestID is the id that chi's RequestID gave the request of ctx, which may be what
// the request came with, else what it came with.
func requestID(ctx context.Context, came string) string {
	if id := chimiddleware.GetReqID(ctx); id != "" {
		return request.CutID(id)
	}
	return came
}

// guarded runs f, which calls functions of the user's, and takes a panic of theirs
// for a problem of its own: there may be nobody else on this goroutine. what names
// them.
func guarded(what string, f func()) {
	defer func() { _ = recover() }() // of the standard logger: there is nobody left to tell
	defer func() {
		if v := recover(); v != nil {
			log.Printf("lastbyte: panic of %s: %q", what, fmt.Sprint(v))
		}
	}()
	f()
}
