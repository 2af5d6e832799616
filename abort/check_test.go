package abort_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
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
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		defer release()
		if err := abort.On(ctx, nil); !errors.Is(err, abort.ErrNilFunc) {
			t.Errorf("On(nil) = %v, want %v", err, abort.ErrNilFunc)
		}
		called := make(chan struct{}, 1)
		if err := abort.On(ctx, func(context.Context) { called <- struct{}{} }); err != nil {
			t.Errorf("On() after On(nil) = %v, want nil: nothing was registered", err)
		}
		call.Leave(aborttest.Timeout)
		take(t, called, "callback")
	})
}

func TestOn_Ended(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
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
	run(t, func(t *testing.T, p aborttest.Protocol) {
		_, ctx, _, release := inHandler(t, p, mounts[1], asIs)
		defer release()
		eof.Send(ctx)
		if err := abort.On(ctx, ignored); !errors.Is(err, abort.ErrEnded) {
			t.Errorf("On() after Send = %v, want %v", err, abort.ErrEnded)
		}
	})
}

// An exit is the ending: no abort comes after it.
func TestOn_EndedByExit(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, _, release := inHandler(t, p, m, asIs)
		defer release()
		exitcode.Exit(ctx, exitcode.Code(503))
		if err := abort.On(ctx, ignored); !errors.Is(err, abort.ErrEnded) {
			t.Errorf("On() after Exit = %v, want %v", err, abort.ErrEnded)
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
			run(t, func(t *testing.T, p aborttest.Protocol) {
				errs, called := make(chan error, 1), make(chan struct{}, 2)
				release := make(chan struct{})
				s := start(t, p, alone, c.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					errs <- abort.On(r.Context(), func(context.Context) { called <- struct{}{} })
					<-release
				})).ServeHTTP)
				defer close(release)
				call := s.Get("/")
				want := map[bool]error{false: abort.ErrCheckOff}[c.on]
				if err := take(t, errs, "On"); !errors.Is(err, want) {
					t.Errorf("On() = %v, want %v", err, want)
				}
				call.Leave(aborttest.Timeout)
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
	run(t, func(t *testing.T, p aborttest.Protocol) {
		errs := make(chan error, 2)
		inside := abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			errs <- abort.On(r.Context(), ignored)
		}))
		s := start(t, p, alone, abort.Ignore(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			errs <- abort.On(r.Context(), func(context.Context) { t.Error("the refused callback ran") })
			inside.ServeHTTP(w, r)
		})).ServeHTTP)
		s.Get("/").Response()
		if off, on := take(t, errs, "On outside"), take(t, errs, "On inside"); !errors.Is(off, abort.ErrCheckOff) || on != nil {
			t.Errorf("On() = %v inside Ignore, %v inside Check in it, want %v, nil", off, on, abort.ErrCheckOff)
		}
	})
}

// The client leaves while the check is off and somebody waits for the end of the
// context already (chi's Timeout does). Where the check is switched on, that is
// known at once.
func TestA14_LeftBeforeTheCheck(t *testing.T) {
	for name, listen := range map[string]func(ctx context.Context, told chan<- struct{}){
		"callback": func(ctx context.Context, told chan<- struct{}) {
			abort.On(ctx, func(context.Context) { close(told) })
		},
		"context": func(ctx context.Context, told chan<- struct{}) { context.AfterFunc(ctx, func() { close(told) }) },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, p aborttest.Protocol) {
				after := make(chan time.Duration, 1)
				inner := abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					begin, told := time.Now(), make(chan struct{})
					listen(r.Context(), told)
					select {
					case <-told:
					case <-time.After(time.Minute):
					}
					after <- time.Since(begin)
				}))
				outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
					defer cancel()
					time.Sleep(2 * time.Second)
					inner.ServeHTTP(w, r.WithContext(ctx))
				})
				s := start(t, p, alone, exitcode.New(exitcode.Options{})(outer).ServeHTTP)
				call := s.Get("/")
				time.Sleep(time.Second)
				call.Leave(aborttest.Timeout)
				if d := <-after; d != 0 {
					t.Errorf("told %v after the check was switched on, want at once", d)
				}
			})
		})
	}
}
