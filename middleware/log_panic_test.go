package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"

	"github.com/rs/zerolog"
)

// forged is what a client would like to see in a log.
const forged = "boom\n{\"level\":\"info\",\"message\":\"forged\"}"

// blowUp has a name to look for in stacks.
func blowUp() { panic(forged) }

// outliving are panics that have no client to hear of them. Those of background
// work are OnPanic's if there is one.
var outliving = []struct {
	name       string
	mounts     []mount
	background bool
	h          http.HandlerFunc
}{
	{"task", mounts, true, func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Defer(r.Context(), func(context.Context) { blowUp() })
	}},
	{"task of a task, later", mounts, true, func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.After(r.Context(), time.Second, func(ctx context.Context) {
			_ = eof.Defer(ctx, func(context.Context) { blowUp() })
		})
	}},
	{"after Send", mounts[1:], true, func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context())
		time.Sleep(time.Second)
		blowUp()
	}},
	{"after an exit beside the handler", mounts[1:], true, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, 503) })
		<-r.Context().Done()
		time.Sleep(time.Second)
		blowUp()
	}},
	{"task of detached work", mounts[1:], true, func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context())
		time.Sleep(time.Second)
		_ = eof.Defer(r.Context(), func(context.Context) { blowUp() })
	}},
	{"thread", mounts, false, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = thread.Spawn(r.Context(), func(context.Context) error { blowUp(); return nil })
	}},
	{"thread after Send", mounts[1:], false, func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context())
		time.Sleep(time.Second)
		_, _ = thread.Spawn(r.Context(), func(context.Context) error { blowUp(); return nil })
	}},
	{"page", mounts, false, exitcode.New(exitcode.Options{
		ErrorPage: func(http.ResponseWriter, *http.Request, exitcode.Code) { blowUp() },
	})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 404) })).ServeHTTP},
}

// eachOutliving serves each of outliving on a route, and drains.
func eachOutliving(t *testing.T, o middleware.Options, check func(t *testing.T, what string, background bool, s *pipenet.Server, log *lines)) {
	for _, c := range outliving {
		for _, m := range c.mounts {
			t.Run(c.name+"/"+m.name, func(t *testing.T) {
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					log, o := new(lines), o
					if o.Logger.GetLevel() != zerolog.Disabled {
						o.Logger = zerolog.New(log)
					}
					life := newLife(t, o)
					r := chi.NewRouter()
					r.Use(chimiddleware.RequestID)
					r.With(func(h http.Handler) http.Handler { return m.wrap(life, h) }).Get("/item/{id}", c.h)
					s := pipenet.Start(t, p, r)
					req := s.NewRequest("GET", "/item/7", nil)
					req.Header.Set(chimiddleware.RequestIDHeader, "the id")
					if res, err := s.Do(req); err == nil {
						res.Body.Close()
					}
					if err := life.Shutdown(t.Context()); err != nil {
						t.Errorf("Shutdown() = %v, want nil", err)
					}
					synctest.Wait()
					check(t, c.name, c.background, s, log)
				})
			})
		}
	}
}

// isProblem reports whether line is about what went wrong; not that of the request, which
// may have the status 503, or of its detached work, which says that it panicked.
func isProblem(line map[string]any) bool {
	return line["level"] == "error" && line["message"] != "request" && line["message"] != "detached work ended"
}

// What panics behind the response is in the Lifecycle's log, once,
// with its stack and the request that it came from.
func TestLog_PanicsOfBackgroundWork(t *testing.T) {
	eachOutliving(t, middleware.Options{}, func(t *testing.T, what string, _ bool, s *pipenet.Server, log *lines) {
		var problems []map[string]any
		for _, line := range log.take(t) {
			if isProblem(line) {
				problems = append(problems, line)
			}
			for key, want := range map[string]any{"method": "GET", "path": "/item/7", "route": "/item/{id}", "request_id": "the id"} {
				if line[key] != want {
					t.Errorf("%s: %s in %v, want %v", what, key, line, want)
				}
			}
		}
		if len(problems) != 1 {
			t.Fatalf("%s: %d lines of level error, want 1: %v", what, len(problems), problems)
		}
		stack, _ := problems[0]["stack"].(string)
		text, _ := problems[0]["message"].(string)
		if !strings.Contains(stack, "middleware_test.blowUp") || !strings.Contains(text, "boom") || strings.Contains(text, "\n") {
			t.Errorf("%s: log = %v, want the panic in one line, and its stack", what, problems[0])
		}
		if logsBut(s) != "" {
			t.Errorf("%s: ErrorLog = %q, want nothing", what, s.Logs())
		}
	})
}

// Without a Logger it is in http.Server.ErrorLog.
func TestLog_PanicsOfBackgroundWorkWithoutLogger(t *testing.T) {
	eachOutliving(t, middleware.Options{Logger: zerolog.Nop()}, func(t *testing.T, what string, _ bool, s *pipenet.Server, _ *lines) {
		got := s.Logs()
		if !strings.Contains(got, "middleware_test.blowUp") || strings.Count(got, "boom") != 1 || strings.Contains(got, "\n{") {
			t.Errorf("%s: ErrorLog = %q, want the panic in one line, and its stack", what, got)
		}
	})
}

// OnPanic gets those of background work instead, and no log does.
func TestLog_PanicsWithOnPanic(t *testing.T) {
	type told struct {
		v     any
		stack string
	}
	var calls chan told
	o := middleware.Options{Background: eof.Options{OnPanic: func(v any, stack []byte) { calls <- told{v, string(stack)} }}}
	calls = make(chan told, 10)
	eachOutliving(t, o, func(t *testing.T, what string, background bool, s *pipenet.Server, log *lines) {
		problems := 0
		for _, line := range log.take(t) {
			if isProblem(line) {
				problems++
			}
		}
		if want := map[bool]int{true: 1}[background]; len(calls) != want || problems != 1-want {
			t.Errorf("%s: OnPanic called %d times, %d lines of level error; want %d and %d", what, len(calls), problems, want, 1-want)
		}
		for len(calls) > 0 {
			if c := <-calls; c.v != forged || !strings.Contains(c.stack, "middleware_test.blowUp") {
				t.Errorf("%s: OnPanic got %v, %s, want the panic and its stack", what, c.v, c.stack)
			}
		}
	})
}

// No client begins a line of its own in a log.
func TestLog_NothingForged(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"error": exitcode.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return errors.New("no such thing: " + r.URL.Path)
		}),
		"coded error": exitcode.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return errors.Join(errors.New("no such thing: "+r.URL.Path), exitcode.Code(503).Err())
		}),
		"thread": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = thread.Spawn(r.Context(), func(context.Context) error { panic(r.URL.Path) })
		}),
		"callback": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = abort.On(r.Context(), func(context.Context) { panic(r.URL.Path) })
			time.Sleep(time.Minute)
		}),
		"task": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = eof.Defer(r.Context(), func(context.Context) { panic(errors.New(r.URL.Path)) })
		}),
		"after Send": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if eof.Send(r.Context()) == nil {
				panic(errors.New(r.URL.Path))
			}
		}),
		"page": exitcode.New(exitcode.Options{
			ErrorPage: func(_ http.ResponseWriter, r *http.Request, _ exitcode.Code) { panic(r.URL.Path) },
		})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 404) })),
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				life := newLife(t, middleware.Options{})
				s := pipenet.Start(t, p, m.wrap(life, h))
				call := s.Begin(s.NewRequest("GET", "/x%0aFORGED%0d%1b[2J%e2%80%a8FORGED", nil))
				time.Sleep(time.Second)
				call.Cancel()
				if err := life.Shutdown(t.Context()); err != nil {
					t.Errorf("Shutdown() = %v, want nil", err)
				}
				synctest.Wait()
				got := s.Logs()
				if strings.Contains(got, "\nFORGED") || strings.ContainsAny(got, "\r\x1b\u2028") || m.name == "Detach" && got == "" {
					t.Errorf("ErrorLog = %q, want what the client said quoted", got)
				}
			})
		})
	}
}
