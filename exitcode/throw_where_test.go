package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// onLife runs body for both ways of a Lifecycle, whose outcomes go to outcomes,
// and fails the test if the Background is told of a panic.
func onLife(t *testing.T, body func(t *testing.T, p pipenet.Proto, life *middleware.Lifecycle, in wrap, outcomes <-chan middleware.Outcome)) {
	t.Helper()
	for _, detach := range []bool{false, true} {
		t.Run(map[bool]string{false: "Handler", true: "Detach"}[detach], func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				outcomes := make(chan middleware.Outcome, 10)
				life := middleware.New(middleware.Options{
					OnEnd:      func(_ *http.Request, o middleware.Outcome) { outcomes <- o },
					Background: eof.Options{OnPanic: func(v any, _ []byte) { t.Errorf("OnPanic(%v), want no call", v) }},
				})
				drains(t, life)
				in := life.Handler
				if detach {
					in = life.Detach
				}
				body(t, p, life, in, outcomes)
			})
		})
	}
}

// ended checks the next Outcome: its status, and that nothing has panicked.
func ended(t *testing.T, what string, outcomes <-chan middleware.Outcome, status int) {
	t.Helper()
	if o := <-outcomes; o.Status != status || o.Panicked {
		t.Errorf("%s: outcome %+v, want status %d and no panic", what, o, status)
	}
}

// Throw(ctx, OK) leaves the handler as a return does.
func TestX18_ThrowOKInHandler(t *testing.T) {
	onLife(t, func(t *testing.T, p pipenet.Proto, _ *middleware.Lifecycle, in wrap, outcomes <-chan middleware.Outcome) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/written" {
				w.WriteHeader(202)
				io.WriteString(w, "all of it")
			}
			exitcode.Throw(r.Context(), exitcode.OK)
		})
		s.get("/").is(t, "nothing written", 200, "")
		ended(t, "nothing written", outcomes, 200)
		s.get("/written").is(t, "written", 202, "all of it")
		ended(t, "written", outcomes, 202)
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// In a Phase the next handler runs, from however deep inside.
func TestX18_ThrowInPhase(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		unwound := make(chan int, 2)
		phase := exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code {
			n := 0
			defer func() { unwound <- n }()
			w.Header().Set("Phase", "was here")
			deep(50, &n, func() { exitcode.Throw(r.Context(), pathCode(r)) })
			return 500
		})
		s := start(t, p, func(h http.Handler) http.Handler { return in(phase(phase(h))) },
			func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "handler") })
		a := s.get("/0")
		a.is(t, "Throw(0)", 200, "handler")
		check(t, "header of the phase", a.header.Get("Phase"), "was here")
		check(t, "deferred calls that ran", <-unwound+<-unwound, 100)
		s.get("/403").is(t, "Throw(403)", 403, "403 Forbidden\n")
		check(t, "deferred calls that ran", <-unwound, 50)
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// A panic with http.ErrAbortHandler that no Throw has made passes a Phase.
func TestX18_PhaseAborts(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		phase := exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { panic(http.ErrAbortHandler) })
		s := start(t, p, func(h http.Handler) http.Handler { return in(phase(h)) },
			func(http.ResponseWriter, *http.Request) { t.Error("the handler behind the phase runs") })
		s.nothing("/")
	})
}

// A thread or callback that throws OK is over, and the request goes on.
func TestX18_ThrowOKBesideTheHandler(t *testing.T) {
	onLife(t, func(t *testing.T, p pipenet.Proto, _ *middleware.Lifecycle, in wrap, outcomes <-chan middleware.Outcome) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			for name, with := range map[string]func(context.Context) context.Context{
				"its own context":      func(own context.Context) context.Context { return own },
				"the handler's":        func(context.Context) context.Context { return ctx },
				"a child of its own":   func(own context.Context) context.Context { return context.WithValue(own, end{}, 1) },
				"one without its ends": context.WithoutCancel,
			} {
				th, err := thread.Spawn(ctx, func(ctx context.Context) error {
					exitcode.Throw(with(ctx), exitcode.OK)
					return errBurst
				})
				isErr(t, "Spawn", err, nil)
				isErr(t, "Wait for a thread that threw with "+name, th.Wait(ctx), nil)
			}
			io.WriteString(w, "goes on")
		})
		s.get("/").is(t, "GET", 200, "goes on")
		ended(t, "GET", outcomes, 200)

		s = start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			isErr(t, "On", abort.On(r.Context(), func(ctx context.Context) { exitcode.Throw(ctx, exitcode.OK) }), nil)
			time.Sleep(time.Minute)
			isErr(t, "ctx.Err() after the callback", r.Context().Err(), nil)
		})
		s.leaves("/")
		ended(t, "the client left", outcomes, 200)
		check(t, "log", s.Logs(), "")
	})
}

// A task ends in silence, whatever it throws, and counts as done.
func TestX18_ThrowInTask(t *testing.T) {
	onLife(t, func(t *testing.T, p pipenet.Proto, life *middleware.Lifecycle, in wrap, outcomes <-chan middleware.Outcome) {
		codes := []exitcode.Code{exitcode.OK, 403, exitcode.Close, exitcode.Error, 500}
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			for _, code := range codes {
				isErr(t, "Defer", eof.Defer(r.Context(), func(ctx context.Context) {
					exitcode.Throw(ctx, code)
					t.Error("the task goes on after Throw")
				}), nil)
				isErr(t, "Defer", eof.Defer(r.Context(), func(context.Context) { exitcode.Throw(r.Context(), code) }), nil)
			}
			io.WriteString(w, "hello")
		})
		s.get("/").is(t, "GET", 200, "hello")
		ended(t, "GET", outcomes, 200)
		synctest.Wait()
		check(t, "Stats().Background", life.Stats().Background, eof.Stats{Done: uint64(2 * len(codes))})
		check(t, "log", s.Logs(), "")
	})
}

// After Send a handler that throws is done, and has not panicked.
func TestX18_ThrowAfterSend(t *testing.T) {
	for _, code := range []exitcode.Code{exitcode.OK, 403, exitcode.Close} {
		t.Run(code.String(), func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t)
				s := start(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, "hello")
					isErr(t, "Send", eof.Send(r.Context()), nil)
					time.Sleep(time.Second)
					exitcode.Throw(r.Context(), code)
				})
				s.get("/").is(t, "GET", 200, "hello")
				time.Sleep(time.Minute)
				check(t, "Stats()", b.Stats(), eof.Stats{Done: 1})
				check(t, "log", s.Logs(), "")
			})
		})
	}
}

// flight hands a panic on as x/sync's singleflight and errgroup do: wrapped, and
// from another place than it came from.
func flight(f func()) {
	caught := make(chan any)
	go func() {
		defer func() { caught <- recover() }()
		f()
	}()
	if v := <-caught; v != nil {
		err, _ := v.(error)
		panic(fmt.Errorf("in the flight: %w", err))
	}
}

// A Throw that arrives wrapped is still one.
func TestX18_ThrowInFlight(t *testing.T) {
	onLife(t, func(t *testing.T, p pipenet.Proto, _ *middleware.Lifecycle, in wrap, outcomes <-chan middleware.Outcome) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			flight(func() { exitcode.Throw(r.Context(), pathCode(r)) })
			t.Error("the handler goes on after Throw")
		})
		s.get("/404").is(t, "Throw(404)", 404, "404 Not Found\n")
		ended(t, "Throw(404)", outcomes, 404)
		s.get("/0").is(t, "Throw(0)", 200, "")
		ended(t, "Throw(0)", outcomes, 200)
		s.nothing("/444")
		ended(t, "Throw(444)", outcomes, 444)

		s = start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			th, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
				flight(func() { exitcode.Throw(ctx, 503) })
				return nil
			})
			isErr(t, "Spawn", err, nil)
			if err := th.Wait(context.WithoutCancel(r.Context())); !errors.Is(err, thread.ErrExited) {
				t.Errorf("Wait = %v, want %v", err, thread.ErrExited)
			}
		})
		s.get("/").is(t, "Throw in a thread", 503, "503 Service Unavailable\n")
		ended(t, "Throw in a thread", outcomes, 503)
		check(t, "log", s.Logs(), "")
	})
}

// A client that left has ended the request already: Throw leaves the handler.
func TestX18_ThrowAfterAbort(t *testing.T) {
	onLife(t, func(t *testing.T, p pipenet.Proto, _ *middleware.Lifecycle, in wrap, outcomes <-chan middleware.Outcome) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			exitcode.Throw(r.Context(), 503)
		})
		s.leaves("/")
		ended(t, "the client left", outcomes, 499)
		check(t, "log", s.Logs(), "")
	})
}
