package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// A page that does not return is no page; the status goes out.
func TestErrorPage_LeavesEarly(t *testing.T) {
	leave := map[string]func(r *http.Request){
		"ErrAbortHandler": func(*http.Request) { panic(http.ErrAbortHandler) },
		"wrapped":         func(*http.Request) { panic(fmt.Errorf("in the page: %w", http.ErrAbortHandler)) },
		"Throw":           func(r *http.Request) { exitcode.Throw(r.Context(), 500) },
		"Throw(444)":      func(r *http.Request) { exitcode.Throw(r.Context(), exitcode.Close) },
		"Throw(OK)":       func(r *http.Request) { exitcode.Throw(r.Context(), exitcode.OK) },
		"runtime.Goexit":  func(*http.Request) { runtime.Goexit() },
		"panic":           func(*http.Request) { panic(errBurst) },
	}
	for name, f := range leave {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
				half := exitcode.New(exitcode.Options{ErrorPage: func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
					w.Header().Set("Page", "half")
					w.WriteHeader(299)
					io.WriteString(w, "half of the page")
					f(r)
				}})
				handler := func(w http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					switch r.URL.Path {
					case "/write":
						isErr(t, "Exit", exitcode.Exit(ctx, 418), nil)
						_, err := io.WriteString(w, "too late")
						isErr(t, "Write after Exit", err, exitcode.ErrExited)
						time.Sleep(time.Second)
					case "/throw":
						exitcode.Throw(ctx, 418)
					case "/thread":
						thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, 418) })
					default:
						isErr(t, "Exit", exitcode.Exit(ctx, 418), nil)
					}
				}
				s := start(t, p, func(h http.Handler) http.Handler { return in(half(h)) }, handler)
				for _, path := range []string{"/", "/write", "/throw", "/thread"} {
					a := s.get(path)
					a.is(t, path, 418, "")
					check(t, path+", header of the page", a.header.Get("Page"), "")
					check(t, path+", Content-Length", a.length, 0)
					s.recorded(418)
				}
				s.same()
				want := map[bool]int{true: 4}[name == "panic"]
				check(t, "panics in the log", strings.Count(s.Logs(), "panic in error page"), want)
			})
		})
	}
}

// A filter is a function that a Throw leaves: the code is as if it were returned.
func TestX18_ThrowInFilter(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, c := range commits {
			filter := exitcode.HeaderFilter(func(r *http.Request, _ int, h http.Header) exitcode.Code {
				h.Set("Filter", "was here")
				exitcode.Throw(r.Context(), pathCode(r))
				return 500
			})
			s := start(t, p, func(h http.Handler) http.Handler { return in(filter(h)) },
				func(w http.ResponseWriter, r *http.Request) { _ = c.h(w) })
			a := s.get("/0")
			check(t, c.name+": Throw(OK), header of the filter", a.header.Get("Filter"), "was here")
			if a.err != nil || a.status == 500 {
				t.Errorf("%s: Throw(OK): got %d, %v, want what the handler wrote", c.name, a.status, a.err)
			}
			s.get("/403").is(t, c.name+": Throw(403)", 403, "403 Forbidden\n")
			s.nothing("/444")
			check(t, c.name+": log", s.Logs(), "")
		}
	})
}

// Also where the filter runs in a thread, in the middle of its Send.
func TestX18_ThrowInFilterOfAThread(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t)
		filter := exitcode.HeaderFilter(func(r *http.Request, _ int, h http.Header) exitcode.Code {
			h.Set("Filter", "was here")
			exitcode.Throw(r.Context(), pathCode(r))
			return 500
		})
		s := start(t, p, func(h http.Handler) http.Handler { return filter(b.Detach(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				th, err := thread.Spawn(r.Context(), func(ctx context.Context) error { return eof.Send(ctx) })
				isErr(t, "Spawn", err, nil)
				want := map[exitcode.Code]error{403: exitcode.ErrExited}[pathCode(r)]
				isErr(t, "Send", th.Wait(context.WithoutCancel(r.Context())), want)
			})
		a := s.get("/0")
		a.is(t, "Throw(OK)", 200, "")
		check(t, "header of the filter", a.header.Get("Filter"), "was here")
		s.get("/403").is(t, "Throw(403)", 403, "403 Forbidden\n")
		check(t, "log", s.Logs(), "")
	})
}

// A Throw beside the handler, even with the handler's context, is not the
// handler's: that breaks its response off at the same time, as ReverseProxy does.
func TestX18_ThrowBesideAHandlerThatAborts(t *testing.T) {
	for name, from := range map[string]func(own, handlers context.Context) context.Context{
		"own context":     func(own, _ context.Context) context.Context { return own },
		"handler's":       func(_, handlers context.Context) context.Context { return handlers },
		"handler's child": func(_, handlers context.Context) context.Context { return context.WithoutCancel(handlers) },
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				outcomes := make(chan middleware.Outcome, 1)
				life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { outcomes <- o }})
				drains(t, life)
				s := start(t, p, life.Handler, func(w http.ResponseWriter, r *http.Request) {
					handlers := r.Context()
					_, err := thread.Spawn(handlers, func(ctx context.Context) error {
						defer time.Sleep(time.Second) // the Throw takes its time
						deep(200, new(int), func() { exitcode.Throw(from(ctx, handlers), exitcode.OK) })
						return nil
					})
					isErr(t, "Spawn", err, nil)
					io.WriteString(w, "part")
					http.NewResponseController(w).Flush()
					time.Sleep(time.Millisecond)
					panic(http.ErrAbortHandler)
				})
				s.cutOff("/", "part", time.Second)
				if o := <-outcomes; !o.Cut || o.Panicked {
					t.Errorf("outcome %+v, want a response that was cut", o)
				}
				check(t, "log", s.Logs(), "")
			})
		})
	}
}

// nasty are values whose methods do worse than to answer.
var nasty = map[string]error{
	"nil pointer": (*nastyError)(nil),
	"panics":      &nastyError{func() { panic("in a method") }},
	"Goexit":      &nastyError{runtime.Goexit},
}

type nastyError struct{ do func() }

func (e *nastyError) Error() string   { e.do(); return "nasty" }
func (e *nastyError) Unwrap() error   { e.do(); return nil }
func (e *nastyError) Is(t error) bool { e.do(); return false }

// Whatever somebody panics with: nothing hangs, and the process lives.
func TestX16_NastyValues(t *testing.T) {
	for name, v := range nasty {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := eof.New(eof.Options{})
				drains(t, b)
				wait := make(chan struct{}, 1)
				s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(b.Detach(h)) }, func(w http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					switch r.URL.Path {
					case "/thread":
						th, err := thread.Spawn(ctx, func(context.Context) error { burst(v); return nil })
						isErr(t, "Spawn", err, nil)
						if err := th.Wait(ctx); err == nil {
							t.Error("Wait = nil, want the panic")
						}
					case "/task":
						isErr(t, "Defer", eof.Defer(ctx, func(context.Context) { burst(v) }), nil)
					case "/send":
						isErr(t, "Send", eof.Send(ctx), nil)
						burst(v)
					case "/callback":
						isErr(t, "On", abort.On(ctx, func(context.Context) { defer func() { wait <- struct{}{} }(); burst(v) }), nil)
						<-wait
					}
				})
				for _, path := range []string{"/thread", "/task", "/send"} {
					s.get(path).is(t, path, 200, "")
				}
				s.leaves("/callback")
				if err := b.Shutdown(t.Context()); err != nil {
					t.Errorf("Shutdown() = %v, want nil", err)
				}
				check(t, "panics in the log", strings.Count(s.Logs(), "lastbyte: panic in "), 4)
			})
		})
	}
}
