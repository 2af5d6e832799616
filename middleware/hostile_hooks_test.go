package middleware_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"

	"github.com/rs/zerolog"
)

// misdeeds are what a hook must not do.
var misdeeds = map[string]func(){
	"panics":         func() { panic("on purpose") },
	"runtime.Goexit": runtime.Goexit,
}

// troubles are requests in which there is something for hooks to do.
var troubles = map[string]http.HandlerFunc{
	"nothing": func(http.ResponseWriter, *http.Request) {},
	"panic":   func(http.ResponseWriter, *http.Request) { panic("the handler") },
	"panic after Send": func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context()) // without Detach it logs
		time.Sleep(time.Second)
		panic("the handler")
	},
	"panic after an exit": func(_ http.ResponseWriter, r *http.Request) {
		_ = exitcode.Exit(r.Context(), 503)
		panic("the handler")
	},
	"Send": func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context())
		time.Sleep(time.Second)
	},
	"exit after the header": func(w http.ResponseWriter, r *http.Request) {
		_ = flush(w)
		_ = exitcode.Exit(r.Context(), 503)
	},
	"panic in a thread": func(_ http.ResponseWriter, r *http.Request) {
		th, err := thread.Spawn(r.Context(), func(context.Context) error { panic("the thread") })
		if err == nil {
			_ = th.Wait(r.Context())
		}
	},
	"exit after the header in a thread": func(w http.ResponseWriter, r *http.Request) {
		_ = flush(w)
		_, _ = thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, 503) })
		<-r.Context().Done()
	},
	"panic in a task": func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Defer(r.Context(), func(context.Context) { panic("the task") })
	},
	"panic in a callback": func(_ http.ResponseWriter, r *http.Request) {
		_ = abort.On(r.Context(), func(context.Context) { panic("the callback") })
		time.Sleep(2 * time.Second)
	},
	"an error":   exitcode.Handler(func(http.ResponseWriter, *http.Request) error { return io.ErrNoProgress }).ServeHTTP,
	"a bad code": exitcode.Handler(func(http.ResponseWriter, *http.Request) error { return exitcode.Code(77).Err() }).ServeHTTP,
	"panic in the page": exitcode.New(exitcode.Options{
		ErrorPage: func(http.ResponseWriter, *http.Request, exitcode.Code) { panic("the page") },
	})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 404) })).ServeHTTP,
}

// Whatever Logger, OnEnd and OnPanic do, each request ends, and so
// does the work that outlives it.
func TestHostile_Hooks(t *testing.T) {
	defer log.SetOutput(log.Writer())
	log.SetOutput(io.Discard)
	for misdeed, act := range misdeeds {
		for _, hook := range []string{"Logger", "OnEnd", "OnPanic"} {
			t.Run(hook+" "+misdeed, func(t *testing.T) {
				each(t, func(t *testing.T, p pipenet.Proto, m mount) {
					for name, h := range troubles {
						hostileHook(t, p, m, hook, act, name, h)
					}
				})
			})
		}
	}
}

func hostileHook(t *testing.T, p pipenet.Proto, m mount, hook string, act func(), name string, h http.HandlerFunc) {
	t.Helper()
	var o middleware.Options
	o.Logger = zerolog.New(io.Discard)
	switch hook {
	case "Logger":
		o.Logger = zerolog.New(writer(func(b []byte) (int, error) { act(); return len(b), nil }))
	case "OnEnd":
		o.OnEnd = func(*http.Request, middleware.Outcome) { act() }
	case "OnPanic":
		o.Background.OnPanic = func(any, []byte) { act() }
	}
	life := newLife(t, o)
	s := pipenet.Start(t, p, m.wrap(life, h), life.Attach)
	if res, err := s.Get("/"); err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	call := s.Begin(s.NewRequest("GET", "/", nil))
	time.Sleep(time.Millisecond)
	call.Cancel()
	if err := life.Shutdown(t.Context()); err != nil {
		t.Errorf("%s: Shutdown() = %v, want nil", name, err)
	}
	time.Sleep(time.Hour)
	synctest.Wait()
	if st := life.Stats(); st.Active != 0 || st.Background.Detached+st.Background.Running+st.Background.Pending != 0 {
		t.Errorf("%s: Stats() = %+v, want nothing at work", name, st)
	}
}

type writer func(b []byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// What a Logger does when it fails is said once, where it cannot fail again.
func TestHostile_LoggerFails(t *testing.T) {
	for misdeed, want := range map[string]string{"panics": `panic of the logger: "on purpose"`, "runtime.Goexit": "the logger called runtime.Goexit"} {
		t.Run(misdeed, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				var std strings.Builder
				defer log.SetOutput(log.Writer())
				log.SetOutput(&std)
				life := newLife(t, middleware.Options{Logger: zerolog.New(writer(func(b []byte) (int, error) {
					if strings.Contains(string(b), `"level":"error"`) {
						misdeeds[misdeed]()
					}
					return len(b), nil
				}))})
				s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(troubles["exit after the header"])), life.Attach)
				if status, _ := get(t, s, "/"); status != 200 {
					t.Errorf("status = %d, want 200", status)
				}
				synctest.Wait()
				if got := std.String(); strings.Count(got, want) != 1 || !strings.Contains(got, "exit with status 503") {
					t.Errorf("the standard logger got %q, want once %q, and what it was about", got, want)
				}
			})
		})
	}
}
