package abort_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func ignored(context.Context) {}

func TestOn_NoRequest(t *testing.T) {
	if err := abort.On(t.Context(), ignored); !errors.Is(err, abort.ErrNoRequest) {
		t.Errorf("On() outside = %v, want %v", err, abort.ErrNoRequest)
	}
}

func TestOn_NilFunc(t *testing.T) {
	if err := abort.On(t.Context(), nil); !errors.Is(err, abort.ErrNilFunc) {
		t.Errorf("On(nil) outside = %v, want %v", err, abort.ErrNilFunc)
	}
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		defer release()
		if err := abort.On(ctx, nil); !errors.Is(err, abort.ErrNilFunc) {
			t.Errorf("On(nil) = %v, want %v", err, abort.ErrNilFunc)
		}
		called := make(chan struct{}, 1)
		if err := abort.On(ctx, func(context.Context) { called <- struct{}{} }); err != nil {
			t.Errorf("On() after On(nil) = %v, want nil: nothing was registered", err)
		}
		call.Cancel()
		take(t, called, "callback")
	})
}

func TestOn_Ended(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		_, ctx, _, release := inHandler(t, p, m, asIs)
		tasks := make(chan error, 1)
		eof.Defer(ctx, func(ctx context.Context) { tasks <- abort.On(ctx, ignored) })
		release()
		synctest.Wait()
		if err := abort.On(ctx, ignored); !errors.Is(err, abort.ErrEnded) {
			t.Errorf("On() after the response = %v, want %v", err, abort.ErrEnded)
		}
		if err := take(t, tasks, "On in a task"); !errors.Is(err, abort.ErrEnded) {
			t.Errorf("On() in a task = %v, want %v", err, abort.ErrEnded)
		}
	})
}

func TestOn_EndedBySend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		_, ctx, _, release := inHandler(t, p, mounts[1], asIs)
		defer release()
		eof.Send(ctx)
		if err := abort.On(ctx, ignored); !errors.Is(err, abort.ErrEnded) {
			t.Errorf("On() after Send = %v, want %v", err, abort.ErrEnded)
		}
	})
}

// The innermost of Check and Ignore around a handler counts.
func TestCheck_InnermostWins(t *testing.T) {
	off := exitcode.New(exitcode.Options{}) // a middleware of lastbyte that says nothing about the check
	for _, c := range []struct {
		name string
		wrap func(http.Handler) http.Handler
		on   bool
	}{
		{"Check", abort.Check, true},
		{"New", abort.New(abort.Options{}), true},
		{"Ignore", abort.Ignore, false},
		{"none", off, false},
		{"Check around Ignore", func(h http.Handler) http.Handler { return abort.Check(abort.Ignore(h)) }, false},
		{"Ignore around Check", func(h http.Handler) http.Handler { return abort.Ignore(abort.Check(h)) }, true},
		{"Check around none", func(h http.Handler) http.Handler { return abort.Check(off(h)) }, true},
		{"Check, Ignore, Check", func(h http.Handler) http.Handler { return abort.Check(abort.Ignore(abort.Check(h))) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				errs, called := make(chan error, 1), make(chan struct{}, 2)
				release := make(chan struct{})
				s := pipenet.Start(t, p, c.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					errs <- abort.On(r.Context(), func(context.Context) { called <- struct{}{} })
					<-release
				})))
				defer close(release)
				call := s.Begin(s.NewRequest("GET", "/", nil))
				want := map[bool]error{false: abort.ErrCheckOff}[c.on]
				if err := take(t, errs, "On"); !errors.Is(err, want) {
					t.Errorf("On() = %v, want %v", err, want)
				}
				call.Cancel()
				if c.on {
					take(t, called, "callback")
				}
				none(t, called, "further callback")
			})
		})
	}
}

// ErrCheckOff registers nothing: a Check further inside still can.
func TestOn_CheckOffChangesNothing(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		errs := make(chan error, 2)
		inside := abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			errs <- abort.On(r.Context(), ignored)
		}))
		s := pipenet.Start(t, p, abort.Ignore(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			errs <- abort.On(r.Context(), func(context.Context) { t.Error("the refused callback ran") })
			inside.ServeHTTP(w, r)
		})))
		mustGet(t, s, "/")
		if off, on := take(t, errs, "On outside"), take(t, errs, "On inside"); !errors.Is(off, abort.ErrCheckOff) || on != nil {
			t.Errorf("On() = %v inside Ignore, %v inside Check in it, want %v, nil", off, on, abort.ErrCheckOff)
		}
	})
}

func TestNew_NegativeCallbackTimeout(t *testing.T) {
	defer func() {
		if got, want := fmt.Sprint(recover()), "abort.New: negative CallbackTimeout, got -1s"; got != want {
			t.Errorf("New(CallbackTimeout: -1s) panics with %q, want %q", got, want)
		}
	}()
	abort.New(abort.Options{CallbackTimeout: -time.Second})
}

func TestNew_CallbackTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Minute} {
		t.Run(timeout.String(), func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				begun, ends, release := make(chan context.Context, 1), make(chan end, 1), make(chan struct{})
				h := abort.New(abort.Options{CallbackTimeout: timeout})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					abort.On(r.Context(), func(ctx context.Context) {
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
				s := pipenet.Start(t, p, h)
				defer close(release)
				call := s.Begin(s.NewRequest("GET", "/", nil))
				time.Sleep(time.Hour) // the timeout counts from the callback's start
				call.Cancel()
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
func TestOn_CallbackContext(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		_, ctx, call, release := inHandler(t, p, m, withValue)
		got := make(chan context.Context, 1)
		abort.On(ctx, func(ctx context.Context) {
			got <- ctx
			exitcode.Exit(ctx, exitcode.ClientClosedRequest)
			release()
			time.Sleep(time.Hour)
		})
		call.Cancel()
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
func TestOn_CallbackContext_ForcedShutdown(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s, ctx, call, release := inHandler(t, p, m, asIs)
		defer release()
		got := make(chan context.Context, 1)
		abort.On(ctx, func(ctx context.Context) {
			got <- ctx
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour): // where it fails, it fails alone
			}
		})
		call.Cancel()
		callback := take(t, got, "the callback's context")
		alive(t, callback)
		expired, cancel := context.WithCancel(context.Background())
		cancel()
		s.life.Shutdown(expired)
		over(t, callback, context.Canceled, is(eof.ErrShuttingDown))
	})
}
