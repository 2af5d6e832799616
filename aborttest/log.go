package aborttest

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
)

// lines is the slog.Handler of the kit's Lifecycle.
type lines struct {
	client *Client
	with   []func(slog.Handler) slog.Handler
}

// Enabled is true for all levels.
func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

// Handle keeps r with the request that ctx belongs to.
func (l *lines) Handle(ctx context.Context, r slog.Record) error {
	var b bytes.Buffer
	var h slog.Handler = slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	for _, with := range l.with {
		h = with(h)
	}
	err := h.Handle(ctx, r)
	l.client.keep(callOf(ctx), b.String())
	return err
}

// WithAttrs is for slog.Logger.With.
func (l *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return l.and(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup is for slog.Logger.WithGroup.
func (l *lines) WithGroup(name string) slog.Handler {
	return l.and(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (l *lines) and(with func(slog.Handler) slog.Handler) *lines {
	return &lines{l.client, append(slices.Clone(l.with), with)}
}

// errorLog is a Client as the server's ErrorLog sees it.
type errorLog Client

// Write keeps a line.
func (l *errorLog) Write(b []byte) (int, error) {
	(*Client)(l).keep(nil, string(b))
	return len(b), nil
}

// keep keeps a line, and writes it to the output of the test as long as that goes on.
func (c *Client) keep(call *Call, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, line)
	if call != nil && call.client == c {
		call.log = append(call.log, line)
	}
	if !c.quiet {
		_, _ = c.t.Output().Write([]byte(line)) // nobody could be told
	}
}
