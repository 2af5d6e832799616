package durable

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"go.opentelemetry.io/otel/propagation"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// originKey is the name under which a job's metadata has its origin.
const originKey = "lastbyte"

// origin is what a job knows of the request that made it, or that made the job which made
// it. It is not changed once it is made.
type origin struct {
	RequestID string                     `json:"request_id,omitempty"`
	Trace     propagation.MapCarrier     `json:"trace,omitempty"`
	Attrs     map[string]json.RawMessage `json:"attrs,omitempty"`
}

type originInContext struct{}

func (o *origin) empty() bool { return o.RequestID == "" && len(o.Trace) == 0 && len(o.Attrs) == 0 }

// originOf is the origin of what is inserted with ctx.
func originOf(ctx context.Context) *origin {
	o := &origin{}
	if job, ok := ctx.Value(originInContext{}).(*origin); ok {
		o.RequestID, o.Attrs = job.RequestID, job.Attrs
	} else if r, ok := request.From(ctx); ok {
		o.RequestID = r.ID(ctx)
	} else {
		o.RequestID = request.CutID(chimiddleware.GetReqID(ctx))
	}
	if c, ok := middleware.From(ctx); ok && o.Attrs == nil {
		o.Attrs = encode(c.Outcome().Attrs)
	}
	o.Trace = propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, o.Trace)
	return o
}

// originIn is the origin that a job's metadata has.
func originIn(metadata []byte) *origin {
	var m struct {
		Origin origin `json:"lastbyte"`
	}
	_ = json.Unmarshal(metadata, &m) // what is not to be read says nothing
	return &m.Origin
}

// addTo is metadata, an object of JSON or nothing, with o.
func (o *origin) addTo(metadata []byte) []byte {
	m := map[string]json.RawMessage{}
	if len(metadata) > 0 && json.Unmarshal(metadata, &m) != nil || m == nil {
		return metadata // River or the database says what is wrong with it
	}
	own, err := json.Marshal(o)
	if err != nil {
		return metadata
	}
	m[originKey] = without0(own)
	with, err := json.Marshal(m)
	if err != nil {
		return metadata
	}
	return with
}

// into is ctx of a job, with what o has.
func (o *origin) into(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, originInContext{}, o)
	if o.RequestID != "" {
		ctx = context.WithValue(ctx, chimiddleware.RequestIDKey, o.RequestID)
	}
	return propagation.TraceContext{}.Extract(ctx, o.Trace)
}

// attrs are the attributes for the log, by name.
func (o *origin) attrs() []slog.Attr {
	var attrs []slog.Attr
	for _, key := range slices.Sorted(maps.Keys(o.Attrs)) {
		var v any
		if json.Unmarshal(o.Attrs[key], &v) == nil {
			attrs = append(attrs, slog.Any(key, v))
		}
	}
	return attrs
}

// maxValue is how many bytes of an attribute's value are stored: a client may have chosen it.
const maxValue = 1024

// encode is attrs as JSON: groups as objects, durations as text.
func encode(attrs []slog.Attr) map[string]json.RawMessage {
	if len(attrs) == 0 {
		return nil
	}
	m := make(map[string]json.RawMessage, len(attrs))
	for _, a := range attrs {
		v := a.Value.Resolve()
		switch {
		case v.Kind() == slog.KindGroup && a.Key == "":
			maps.Copy(m, encode(v.Group()))
		case v.Kind() == slog.KindGroup:
			m[a.Key], _ = json.Marshal(encode(v.Group())) // it is JSON already
		case a.Key != "":
			m[a.Key] = encoded(v.Any())
		}
	}
	return m
}

// encoded is v as JSON. A method of v that panics fails no insertion, as it fails no line of
// the log.
func encoded(v any) (text json.RawMessage) {
	defer func() {
		if recover() != nil {
			text = textOf(fmt.Sprint(v)) // which recovers
		}
	}()
	switch x := v.(type) {
	case string:
		return textOf(x)
	case time.Duration:
		return textOf(x.String())
	case error:
		return textOf(x.Error())
	case fmt.Stringer:
		return textOf(x.String())
	}
	text, err := json.Marshal(v)
	switch {
	case err != nil:
		return textOf(fmt.Sprint(v))
	case len(text) > maxValue:
		return textOf(string(text))
	}
	return text
}

// textOf is s as JSON, cut.
func textOf(s string) json.RawMessage {
	if len(s) > maxValue {
		s = s[:maxValue] + "…"
	}
	text, _ := json.Marshal(s) // text can always be
	return text
}

// without0 is text, which is JSON, with U+FFFD in place of U+0000, which the type jsonb of
// PostgreSQL does not take.
func without0(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u0000`)) {
		return text
	}
	for i := 0; i < len(text)-1; i++ {
		if text[i] == '\\' { // it begins an escape sequence, see RFC 8259, section 7
			if bytes.HasPrefix(text[i:], []byte(`\u0000`)) {
				copy(text[i:], `\ufffd`)
			}
			i++ // which may be of a backslash
		}
	}
	return text
}
