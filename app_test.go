package lastbyte_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// app is all of lastbyte and chi's middlewares on a router, behind real sockets.
type app struct {
	*httptest.Server
	life   *middleware.Lifecycle
	ended  chan middleware.Outcome
	logged chan entry        // of chi's Logger
	begun  chan struct{}     // /report is at work
	called chan abort.Reason // its callback ran
	cause  chan error        // of its context's end
	resume chan struct{}     // lets the work of /tasks end
	worked chan error        // its context's Err then
	tasks  chan string       // the route parameter that its deferred task read
}

// entry is a line of chi's Logger, which is the app itself.
type entry struct {
	a      *app
	r      *http.Request
	status int
	id     string
	route  string
}

func (a *app) NewLogEntry(r *http.Request) chimiddleware.LogEntry { return &entry{a: a, r: r} }
func (e *entry) Panic(any, []byte)                                {}
func (e *entry) Write(status, _ int, _ http.Header, _ time.Duration, _ any) {
	e.a.logged <- entry{status: status, id: chimiddleware.GetReqID(e.r.Context()), route: chi.RouteContext(e.r.Context()).RoutePattern()}
}

// setup is a place for chi's middlewares and a transport.
type setup struct {
	around bool // chi's middlewares are around lastbyte, not inside of it
	secure bool // TLS with HTTP/2, not plain TCP with HTTP/1
}

func composed(t *testing.T, body func(t *testing.T, a *app, s setup)) {
	for _, s := range []setup{{false, false}, {false, true}, {true, false}, {true, true}} {
		name := map[bool]string{true: "chi around", false: "chi inside"}[s.around] + map[bool]string{true: ", TLS h2", false: ", TCP"}[s.secure]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body(t, newApp(t, s), s)
		})
	}
}

func newApp(t *testing.T, s setup) *app {
	t.Helper()
	a := &app{
		ended: make(chan middleware.Outcome, 16), logged: make(chan entry, 16), begun: make(chan struct{}, 1),
		called: make(chan abort.Reason, 4), cause: make(chan error, 1), resume: make(chan struct{}),
		worked: make(chan error, 1), tasks: make(chan string, 1),
	}
	a.life = middleware.New(middleware.Options{OnEnd: func(o middleware.Outcome) { a.ended <- o }})
	t.Cleanup(func() { _ = a.life.Shutdown(context.Background()) })
	theirs := chi.Middlewares{
		chimiddleware.RequestID, chimiddleware.RequestLogger(a), chimiddleware.Recoverer,
		chimiddleware.Timeout(time.Minute), chimiddleware.Compress(5),
	}
	r := chi.NewRouter()
	if s.around {
		r.Use(theirs...)
		r.Use(a.life.Handler)
	} else {
		r.Use(a.life.Handler)
		r.Use(theirs...)
	}
	a.routes(r)
	a.Server = httptest.NewUnstartedServer(r)
	a.life.Attach(a.Config)
	if s.secure {
		a.EnableHTTP2 = true
		a.StartTLS()
	} else {
		a.Start()
	}
	t.Cleanup(func() {
		a.Close()
		if err := a.life.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	return a
}

var long = strings.Repeat("hello, world\n", 1000)

func (a *app) routes(r chi.Router) {
	r.Get("/hello", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, long)
	})
	r.With(exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return 401 })).
		Get("/phase", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "secret") })
	r.With(exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK }),
		exitcode.HeaderFilter(func(_ *http.Request, status int, h http.Header) exitcode.Code {
			h.Set("Filtered", fmt.Sprint(status))
			return exitcode.OK
		})).Get("/filter", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "filtered") })
	r.Get("/threads", func(w http.ResponseWriter, r *http.Request) {
		var threads []*thread.Thread
		sums := make([]int, 3)
		for i := range sums {
			t, err := thread.Spawn(r.Context(), func(context.Context) error { sums[i] = i + 1; return nil })
			if err != nil {
				exitcode.Exit(r.Context(), 500)
				return
			}
			threads = append(threads, t)
		}
		for _, t := range threads {
			t.Wait(r.Context())
		}
		fmt.Fprint(w, sums)
	})
	r.Get("/drop", func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), exitcode.Close) })
	r.Get("/throw", func(w http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), 404) })
	r.Get("/panic", func(w http.ResponseWriter, r *http.Request) { panic("on purpose") })
	r.Get("/report", a.report)
	r.With(a.life.Detach).Get("/tasks/{id}", a.task)
}

func (a *app) report(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	abort.On(ctx, func(ctx context.Context) {
		e, _ := abort.Cause(ctx)
		a.called <- e.Reason
		exitcode.Exit(ctx, exitcode.ClientClosedRequest)
	})
	a.begun <- struct{}{}
	<-ctx.Done()
	a.cause <- context.Cause(ctx)
}

func (a *app) task(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, long)
	eof.Defer(ctx, func(ctx context.Context) { a.tasks <- chi.URLParamFromCtx(ctx, "id") })
	err := eof.Send(ctx)
	<-a.resume
	a.worked <- errors.Join(err, ctx.Err())
}

// await gives what comes out of ch, within a bound that nobody should reach.
func await[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case v := <-ch:
		return v
	case <-limit.C:
		t.Fatalf("%s: nothing came, want one", what)
		panic("unreachable")
	}
}

// get gives the answer to a GET request; err is that of a dropped connection.
func (a *app) get(t *testing.T, path string) (res *http.Response, text string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", a.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err = a.Client().Do(req); err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res, string(b), err
}
