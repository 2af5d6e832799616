package middleware_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// SetAttrs adds to Outcome.Attrs, one of each key, until the request is over.
func TestSetAttrs(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		var life *middleware.Lifecycle
		ends, later := make(chan middleware.Outcome, 1), make(chan bool, 2)
		life = newLife(t, middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { ends <- o }})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			mine := []slog.Attr{slog.Int("rows", 1), slog.String("tenant", "a")}
			if !middleware.SetAttrs(ctx, mine...) || !middleware.SetAttrs(ctx, slog.Int("rows", 2)) || !middleware.SetAttrs(ctx) {
				t.Error("SetAttrs() = false, want true")
			}
			mine[1] = slog.Int("changed", 1)
			_ = eof.Defer(ctx, func(task context.Context) {
				later <- middleware.SetAttrs(task, slog.Int("late", 1))
				later <- middleware.SetAttrs(ctx, slog.Int("late", 1))
			})
		})))
		get(t, s, "/")
		want := map[string]any{"rows": int64(2), "tenant": "a"}
		got := map[string]any{}
		o := take(t, ends, "OnEnd")
		for _, a := range o.Attrs {
			got[a.Key] = a.Value.Any()
		}
		if !maps.Equal(got, want) || len(o.Attrs) != 2 {
			t.Errorf("Attrs = %v, want %v", o.Attrs, want)
		}
		for range 2 {
			if take(t, later, "SetAttrs after the end") {
				t.Error("SetAttrs() = true after the end, want false")
			}
		}
	})
	if middleware.SetAttrs(t.Context(), slog.Int("rows", 1)) {
		t.Error("SetAttrs() = true without a request, want false")
	}
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("on purpose") }

type panickingError struct{}

func (panickingError) Error() string { panic("on purpose") }

// An attribute that panics when it is written costs itself, and not the line.
func TestLog_AttributePanics(t *testing.T) {
	eachLogger(t, middleware.Options{}, func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines) {
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			middleware.SetAttrs(r.Context(), slog.Any("a", panicking{}), slog.Any("b", panickingError{}),
				slog.Group("c", slog.Any("d", panicking{}), slog.Int("e", 1)), slog.Int("f", 2))
			_, _ = io.WriteString(w, "x")
		})))
		get(t, s, "/")
		got, panicked := log.take(t), "!PANIC: on purpose"
		if len(got) != 1 {
			t.Fatalf("log = %v, want one line", got)
		}
		group, _ := got[0]["c"].(map[string]any)
		if got[0]["a"] != panicked || got[0]["b"] != panicked || group["d"] != panicked || group["e"] != 1. || got[0]["f"] != 2. {
			t.Errorf("log = %v, want %q in a, b and c.d, and the rest", got[0], panicked)
		}
	})
}
