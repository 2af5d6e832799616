package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// told are errors, with what the client and the log are told of each.
var told = []struct {
	name   string
	err    error
	status int
	body   string
	log    string // "" for no line
}{
	{"plain", errSecret, 500, "500 Internal Server Error\n", "secret: row 7"},
	{"coded", exitcode.Code(404).Err(), 404, "404 Not Found\n", ""},
	{"success", exitcode.Code(204).Err(), 204, "", ""},
	{"detail", &exitcode.ExitError{Code: 409, Detail: "taken", Err: errSecret}, 409, "409 Conflict\ntaken\n", ""},
	{"detail of 503", &exitcode.ExitError{Code: 503, Detail: "later", Err: errSecret}, 503, "503 Service Unavailable\nlater\n",
		"exit 503 Service Unavailable: secret: row 7"},
	{"wrapped detail", fmt.Errorf("load: %w: %w", &exitcode.ExitError{Code: 599, Detail: "later"}, errSecret), 599, "599\nlater\n",
		"load: exit 599: secret: row 7"},
	{"joined, 404 first", errors.Join(&exitcode.ExitError{Code: 404, Detail: "first"}, &exitcode.ExitError{Code: 503, Detail: "second"}),
		404, "404 Not Found\nfirst\n", ""},
	{"joined, 503 first", errors.Join(errSecret, exitcode.Code(503).Err(), exitcode.Code(404).Err()), 503, "503 Service Unavailable\n",
		`secret: row 7\nexit 503 Service Unavailable\nexit 404 Not Found`},
	{"one in another", &exitcode.ExitError{Code: 410, Err: exitcode.Code(503).Err()}, 410, "410 Gone\n", ""},
	{"no code", &exitcode.ExitError{Detail: "broken", Err: errSecret}, 500, "500 Internal Server Error\nbroken\n", "exit 0 OK: secret: row 7"},
	{"nil pointer", (*exitcode.ExitError)(nil), 500, "500 Internal Server Error\n", "nil"},
	{"invalid", &exitcode.ExitError{Code: 100, Err: errSecret}, 500, "500 Internal Server Error\n", "invalid code 100"},
	{"invalid, large", &exitcode.ExitError{Code: 1000}, 500, "500 Internal Server Error\n", "invalid code 1000"},
}

// One rule: a returned error, and the one of ExitWith, end a request in the same way.
func TestExitWith_AsHandler(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, c := range told {
			for name, h := range map[string]handlerFunc{
				"Handler": adapted(func(w http.ResponseWriter, r *http.Request) error {
					w.Header().Set("Handler", "was here")
					return c.err
				}),
				"ExitWith": func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Handler", "was here")
					isErr(t, c.name+": ExitWith", exitcode.ExitWith(r.Context(), c.err), nil)
					isErr(t, c.name+": the cause", context.Cause(r.Context()), exitcode.Code(c.status).Err())
					isErr(t, c.name+": the cause", context.Cause(r.Context()), c.err)
					isErr(t, c.name+": a second", exitcode.ExitWith(r.Context(), c.err), exitcode.ErrExited)
					refusedWrites(t, w)
				},
			} {
				what := name + ", " + c.name
				s := start(t, p, in, h)
				a := s.get("/")
				a.is(t, what, c.status, c.body)
				check(t, what+", header Handler", a.header.Get("Handler"), "was here")
				s.recorded(c.status)
				synctest.Wait()
				log := s.Logs()
				if !strings.Contains(log, c.log) || strings.Count(log, "\n") != min(1, len(c.log)) {
					t.Errorf("%s: log = %q, want %q in one line, or nothing", what, log, c.log)
				}
				if c.log != "" && !strings.Contains(log, "exitcode."+name) {
					t.Errorf("%s: log = %q, want the name of the function", what, log)
				}
			}
		}
	})
}

func TestExitWith_Nil(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			isErr(t, "ExitWith(nil)", exitcode.ExitWith(r.Context(), nil), exitcode.ErrInvalidCode)
			isErr(t, "ExitWith, no request", exitcode.ExitWith(context.Background(), errSecret), exitcode.ErrNoRequest)
			isErr(t, "ctx.Err()", r.Context().Err(), nil)
			io.WriteString(w, "fine")
		})
		s.get("/").is(t, "GET", 200, "fine")
		check(t, "log", s.Logs(), "")
	})
}

// An error is in the log once, however many layers are told of it.
func TestExitWith_LoggedOnce(t *testing.T) {
	wrapped := fmt.Errorf("report: %w", errSecret)
	for name, end := range map[string]func(ctx context.Context) error{
		"the same": func(ctx context.Context) error { exitcode.ExitWith(ctx, errSecret); return errSecret },
		"wrapped":  func(ctx context.Context) error { exitcode.ExitWith(ctx, errSecret); return wrapped },
		"twice": func(ctx context.Context) error {
			exitcode.ExitWith(ctx, wrapped)
			exitcode.ExitWith(ctx, wrapped)
			return exitcode.ExitWith(ctx, wrapped)
		},
		"the context's": func(ctx context.Context) error {
			exitcode.ExitWith(ctx, errSecret)
			<-ctx.Done()
			return fmt.Errorf("query: %w", ctx.Err())
		},
		"a thread's": func(ctx context.Context) error {
			th, _ := thread.Spawn(ctx, func(ctx context.Context) error { exitcode.ExitWith(ctx, errSecret); return errSecret })
			return th.Wait(context.WithoutCancel(ctx))
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
				layers := func(h http.Handler) http.Handler {
					return exitcode.Handler(func(w http.ResponseWriter, r *http.Request) error {
						gzips(false)(in(cookies(h))).ServeHTTP(w, r)
						return context.Cause(r.Context())
					})
				}
				s := start(t, p, layers, adapted(func(w http.ResponseWriter, r *http.Request) error { return end(r.Context()) }))
				s.get("/").decoded().is(t, "GET", 500, "500 Internal Server Error\n")
				synctest.Wait()
				check(t, "times that the error is in the log", strings.Count(s.Logs(), errSecret.Error()), 1)
				check(t, "lines of the log", strings.Count(s.Logs(), "\n"), 1)
			})
		})
	}
}

// From beside the handler ExitWith is as Exit: under Detach the page goes out at once.
func TestExitWith_BesideTheHandler(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			_, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
				time.Sleep(time.Second)
				return exitcode.ExitWith(ctx, &exitcode.ExitError{Code: 503, Detail: "later", Err: errSecret})
			})
			isErr(t, "Spawn", err, nil)
			<-r.Context().Done()
		})
		a := s.get("/")
		a.is(t, "GET", 503, "503 Service Unavailable\nlater\n")
		check(t, "answered after", a.after, time.Second)
		synctest.Wait()
		check(t, "times that the error is in the log", strings.Count(s.Logs(), errSecret.Error()), 1)
	})
}

// What has gone wrong after the response, or in a task, is still for the log.
func TestExitWith_AfterTheResponse(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := start(t, p, background(t).Detach, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			isErr(t, "Defer", eof.Defer(ctx, func(ctx context.Context) {
				isErr(t, "ExitWith in a task", exitcode.ExitWith(ctx, errors.New("of the task")), exitcode.ErrEnded)
				isErr(t, "ctx.Err()", ctx.Err(), nil)
			}), nil)
			isErr(t, "Send", eof.Send(ctx), nil)
			isErr(t, "ExitWith after Send", exitcode.ExitWith(ctx, errSecret), exitcode.ErrEnded)
			isErr(t, "the cause", context.Cause(ctx), errSecret)
			isErr(t, "again", exitcode.ExitWith(ctx, errSecret), exitcode.ErrEnded)
		})
		s.get("/").is(t, "GET", 200, "")
		synctest.Wait()
		check(t, "times that the error is in the log", strings.Count(s.Logs(), errSecret.Error()), 1)
		check(t, "times that the task's is", strings.Count(s.Logs(), "of the task"), 1)
	})
}

// A client that has left is told nothing, and the log neither.
func TestExitWith_ClientAborted(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, callback := range []bool{false, true} {
			s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(in(h)) }, func(w http.ResponseWriter, r *http.Request) {
				ctx := r.Context()
				want := exitcode.ErrEnded // the abort has ended the request, and the exit is recorded
				if callback {
					isErr(t, "On", abort.On(ctx, func(ctx context.Context) {}), nil)
					want = nil
				}
				time.Sleep(time.Minute)
				isErr(t, "ExitWith", exitcode.ExitWith(ctx, errSecret), want)
			})
			s.leaves("/")
			s.recorded(499)
			synctest.Wait()
			check(t, "log", s.Logs(), "")
		}
	})
}

// An abort of the request says nothing of a task's error: that is for the log as well.
func TestExitWith_TaskAfterAbort(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for name, in := range map[string]wrap{"plain": background(t).Handler, "detach": background(t).Detach} {
			s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(in(h)) }, func(w http.ResponseWriter, r *http.Request) {
				isErr(t, "Defer", eof.Defer(r.Context(), func(ctx context.Context) {
					isErr(t, name+": ExitWith in a task", exitcode.ExitWith(ctx, errSecret), exitcode.ErrEnded)
				}), nil)
				<-r.Context().Done()
			})
			s.leaves("/")
			s.recorded(499)
			synctest.Wait()
			check(t, name+": times that the error is in the log", strings.Count(s.Logs(), errSecret.Error()), 1)
		}
	})
}
