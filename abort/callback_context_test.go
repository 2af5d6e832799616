package abort_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

func TestNew_NegativeCallbackTimeout(t *testing.T) {
	defer func() {
		if got, want := fmt.Sprint(recover()), "abort.New: negative CallbackTimeout, got -1s"; got != want {
			t.Errorf("New(CallbackTimeout: -1s) panics with %q, want %q", got, want)
		}
	}()
	abort.New(abort.Options{CallbackTimeout: -time.Second})
}

// registrars register a function for an abort, which gets the same kind of context
// from each.
var registrars = map[string]func(ctx context.Context, f func(context.Context)){
	"On":        func(ctx context.Context, f func(context.Context)) { _ = abort.On(ctx, f) },
	"AfterFunc": func(ctx context.Context, f func(context.Context)) { abort.AfterFunc(ctx, f) },
}

func eachRegistrar(t *testing.T, body func(t *testing.T, register func(context.Context, func(context.Context)))) {
	for name, register := range registrars {
		t.Run(name, func(t *testing.T) { body(t, register) })
	}
}

func TestNew_CallbackTimeout(t *testing.T) { eachRegistrar(t, callbackTimeout) }

func callbackTimeout(t *testing.T, register func(context.Context, func(context.Context))) {
	for _, timeout := range []time.Duration{0, time.Minute} {
		t.Run(timeout.String(), func(t *testing.T) {
			run(t, func(t *testing.T, p aborttest.Protocol) {
				begun, ends, release := make(chan context.Context, 1), make(chan end, 1), make(chan struct{})
				h := abort.New(abort.Options{CallbackTimeout: timeout})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					register(r.Context(), func(ctx context.Context) {
						begun <- ctx
						begin := time.Now()
						select {
						case <-ctx.Done():
						case <-time.After(time.Hour):
						}
						ends <- end{ctx.Err(), context.Cause(ctx), time.Since(begin)}
					})
					<-release
				}))
				s := start(t, p, alone, h.ServeHTTP)
				defer close(release)
				call := s.Get("/")
				time.Sleep(time.Hour) // the timeout counts from the callback's start
				call.Leave(aborttest.Timeout)
				ctx, now := take(t, begun, "callback"), time.Now()
				want, at, hasDeadline := end{context.DeadlineExceeded, context.DeadlineExceeded, timeout}, now.Add(timeout), timeout > 0
				if !hasDeadline {
					want, at = end{nil, nil, time.Hour}, time.Time{}
				}
				if got, ok := ctx.Deadline(); ok != hasDeadline || !got.Equal(at) {
					t.Errorf("Deadline() = %v, %v, want %v, %v", got, ok, at, hasDeadline)
				}
				time.Sleep(time.Hour)
				if got := take(t, ends, "end of the callback's context"); got != want {
					t.Errorf("callback's context: %v, want %v", got, want)
				}
			})
		})
	}
}

// The callback's context: the request's values, not its cancellation.
func TestOn_CallbackContext(t *testing.T) { eachRegistrar(t, callbackContext) }

func callbackContext(t *testing.T, register func(context.Context, func(context.Context))) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, withValue)
		got := make(chan context.Context, 1)
		register(ctx, func(ctx context.Context) {
			got <- ctx
			exitcode.Exit(ctx, exitcode.ClientClosedRequest)
			release()
			time.Sleep(time.Hour)
		})
		call.Leave(aborttest.Timeout)
		callback := take(t, got, "the callback's context")
		if ctx.Err() == nil {
			t.Error("the request's Err() = nil, want the exit")
		}
		alive(t, callback)
		if v := callback.Value(valueKey{}); v != "value of /" {
			t.Errorf("Value() = %v, want that of the request", v)
		}
		if e, ok := abort.Cause(callback); !ok || !errors.Is(e, abort.ErrClientAborted) {
			t.Errorf("Cause() in the callback = %v, %v, want the abort", e, ok)
		}
		time.Sleep(time.Hour - 1)
		alive(t, callback)
		time.Sleep(time.Nanosecond)
		over(t, callback, context.Canceled, is(context.Canceled))
	})
}

// A shutdown that gives up ends the callback's context.
func TestOn_CallbackContext_ForcedShutdown(t *testing.T) { eachRegistrar(t, callbackForcedShutdown) }

func callbackForcedShutdown(t *testing.T, register func(context.Context, func(context.Context))) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		s, ctx, call, release := inHandler(t, p, m, asIs)
		defer release()
		got := make(chan context.Context, 1)
		register(ctx, func(ctx context.Context) {
			got <- ctx
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour): // where it fails, it fails alone
			}
		})
		call.Leave(aborttest.Timeout)
		callback := take(t, got, "the callback's context")
		alive(t, callback)
		expired, cancel := context.WithCancel(context.Background())
		cancel()
		s.Lifecycle().Shutdown(expired)
		over(t, callback, context.Canceled, is(eof.ErrShuttingDown))
	})
}
