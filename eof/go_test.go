package eof_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
)

// TestB15_Go: a task without a request has the values of its context and nothing of its
// end; limits, counts and drain are those of Defer.
func TestB15_Go(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type key struct{}
		b := background(t, eof.Options{Running: 1, Pending: 1})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		cancel()
		var order book
		fn := func(name string) func(context.Context) {
			return func(ctx context.Context) {
				order.add(fmt.Sprint(name, " ", ctx.Value(key{}), " ", ctx.Err(), " ", eof.Premature(ctx)))
				time.Sleep(time.Second)
			}
		}
		wantErr(t, "Go", b.Go(ctx, "one", fn("one")), nil)
		wantErr(t, "Go", b.Go(ctx, "two", fn("two")), nil)
		wantErr(t, "Go beyond Pending", b.Go(ctx, "three", fn("three")), eof.ErrTooManyPending)
		wantStats(t, b, eof.Stats{Running: 1, Pending: 1, Rejected: 1})
		start := time.Now()
		shutdown(t, b)
		at(t, "Shutdown's return", start, 2*time.Second)
		wantBook(t, "the tasks", &order, "one value <nil> false two value <nil> false")
		wantErr(t, "Go in a drain", b.Go(ctx, "late", func(context.Context) {}), nil)
		wantErr(t, "After in a drain", b.After(t.Context(), time.Second, "late", fn("")), eof.ErrShuttingDown)
		stop, err := b.Every(t.Context(), time.Second, "late", fn(""))
		wantErr(t, "Every in a drain", err, eof.ErrShuttingDown)
		stop()
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Done: 3, Rejected: 3})
	})
}

// TestB15_BadInput changes nothing, and stop is there all the same.
func TestB15_BadInput(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{})
		ctx, fn := t.Context(), func(context.Context) { t.Error("a task that was refused has run") }
		every := func(d time.Duration, name string, fn func(context.Context)) error {
			stop, err := b.Every(ctx, d, name, fn)
			stop()
			stop()
			return err
		}
		wantErr(t, "Go without a name", b.Go(ctx, "", fn), eof.ErrNoName)
		wantErr(t, "Go of nil", b.Go(ctx, "it", nil), eof.ErrNilFunc)
		wantErr(t, "After without a name", b.After(ctx, time.Second, "", fn), eof.ErrNoName)
		wantErr(t, "After of nil", b.After(ctx, time.Second, "it", nil), eof.ErrNilFunc)
		wantErr(t, "Every without a name", every(time.Second, "", fn), eof.ErrNoName)
		wantErr(t, "Every of nil", every(time.Second, "it", nil), eof.ErrNilFunc)
		wantErr(t, "Every 0", every(0, "it", fn), eof.ErrInvalidInterval)
		wantErr(t, "Every -1s", every(-time.Second, "it", fn), eof.ErrInvalidInterval)
		time.Sleep(time.Minute)
		wantStats(t, b, eof.Stats{})
	})
}

// TestB15_After runs after d, or at once with Premature at a shutdown.
func TestB15_After(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{})
		var order book
		start := time.Now()
		for _, d := range []time.Duration{time.Second, time.Hour, -time.Second} {
			wantErr(t, "After", b.After(t.Context(), d, "it", func(ctx context.Context) {
				order.add(fmt.Sprint(d, "@", time.Since(start), " ", eof.Premature(ctx)))
			}), nil)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		wantStats(t, b, eof.Stats{Pending: 1, Done: 2})
		shutdown(t, b)
		wantBook(t, "the tasks", &order, "-1s@0s false 1s@1s false 1h0m0s@1m0s true")
	})
}

// TestB15_PanicIsLogged by the standard logger, where there is neither a Lifecycle nor a
// server, with the name.
func TestB15_PanicIsLogged(t *testing.T) {
	out := stdLog(t)
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{})
		wantErr(t, "Go", b.Go(t.Context(), "index", func(context.Context) { panicsLate("boom") }), nil)
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Panicked: 1})
	})
	if got := out.String(); !strings.Contains(got, `panic in task index: "boom"`) || !strings.Contains(got, "panicsLate") {
		t.Errorf("the standard logger has %q, want the panic, the name and the stack", got)
	}
}
