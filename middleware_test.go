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
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// The tests are on real sockets, where no bubble reports a goroutine that is left
// behind.
func TestMain(m *testing.M) { testkit.Main(m) }

func TestComposed_Answers(t *testing.T) {
	composed(t, func(t *testing.T, a *app, s setup) {
		for _, want := range []struct {
			path    string
			status  int // 0: dropped
			text    string
			outcome int
			logged  int // by a logger around lastbyte
		}{
			{"/hello", 200, long, 200, 200},
			{"/phase", 401, "401 Unauthorized\n", 401, 401},
			{"/filter", 200, "filtered", 200, 200},
			{"/threads", 200, "[1 2 3]", 200, 200},
			{"/throw", 404, "404 Not Found\n", 404, 404},
			{"/panic", 500, "", 500, 500},
			{"/none", 404, "404 page not found\n", 404, 404},
			{"/drop", 0, "", 444, 444}, // the last: Go's client may send it again on a new connection
		} {
			res, text, err := a.get(t, want.path)
			switch {
			case want.status == 0:
				if err == nil {
					t.Errorf("%s: answer = %s %q, want none", want.path, res.Status, text)
				}
			case err != nil || res.StatusCode != want.status || text != want.text:
				t.Errorf("%s: answer = %v, %d bytes, %v, want %d, %d bytes", want.path, res, len(text), err, want.status, len(want.text))
			case want.path == "/hello" && !res.Uncompressed:
				t.Errorf("%s: the answer came as it is, want it compressed", want.path)
			case want.path == "/filter" && res.Header.Get("Filtered") != "200":
				t.Errorf("%s: Filtered = %q, want 200", want.path, res.Header.Get("Filtered"))
			}
			if o := testkit.Await(t, a.ended, want.path+": OnEnd"); o.Status != want.outcome || o.Abort != nil {
				t.Errorf("%s: Outcome = %+v, want %d, no abort", want.path, o, want.outcome)
			}
			e := testkit.Await(t, a.logged, want.path+": log entry")
			if s.around && (e.status != want.logged || e.id == "" || want.path != "/none" && e.route != want.path) {
				t.Errorf("%s: chi's Logger sees %+v, want %d, an id, the route", want.path, e, want.logged)
			}
		}
	})
}

func TestComposed_ClientLeaves(t *testing.T) {
	composed(t, func(t *testing.T, a *app, s setup) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		req, err := http.NewRequestWithContext(ctx, "GET", a.URL+"/report", nil)
		if err != nil {
			t.Fatal(err)
		}
		left := make(chan error, 1)
		go func() {
			res, err := a.Client().Do(req)
			if err == nil {
				res.Body.Close()
			}
			left <- err
		}()
		testkit.Await(t, a.begun, "request")
		leave()
		if err := testkit.Await(t, left, "the client's error"); !errors.Is(err, context.Canceled) {
			t.Errorf("Do() = %v, want %v", err, context.Canceled)
		}
		want := map[bool]abort.Reason{false: abort.Closed, true: abort.StreamReset}[s.secure]
		if got := testkit.Await(t, a.called, "callback"); got != want {
			t.Errorf("reason = %q, want %q", got, want)
		}
		if code, ok := exitcode.Of(testkit.Await(t, a.cause, "cause")); !ok || code != exitcode.ClientClosedRequest {
			t.Errorf("cause carries %v, %v, want the callback's exit", code, ok)
		}
		if o := testkit.Await(t, a.ended, "OnEnd"); o.Status != 499 || o.Sent != 0 || o.Abort == nil || o.Abort.Reason != want {
			t.Errorf("Outcome = %+v, want 499, nothing sent, the abort", o)
		}
		if e := testkit.Await(t, a.logged, "log entry"); s.around && (e.status != 499 || e.route != "/report") {
			t.Errorf("chi's Logger sees %+v, want 499 of /report", e)
		}
		if res, text, err := a.get(t, "/hello"); err != nil || text != long {
			t.Errorf("the next answer = %v, %d bytes, %v, want a whole one", res, len(text), err)
		}
		if len(a.called) != 0 {
			t.Error("the callback ran twice, want once")
		}
	})
}

func TestComposed_SendAndDefer(t *testing.T) {
	composed(t, func(t *testing.T, a *app, s setup) {
		res, text, err := a.get(t, "/tasks/7")
		if err != nil || res.StatusCode != 200 || text != long || !res.Uncompressed {
			t.Fatalf("answer = %v, %d bytes, %v, want 200, %d, compressed", res, len(text), err, len(long))
		}
		if o := testkit.Await(t, a.ended, "OnEnd"); o.EOF == 0 || o.Status != 200 {
			t.Errorf("Outcome = %+v, want 200 ended by Send", o)
		}
		if e := testkit.Await(t, a.logged, "log entry"); e.status != 200 || e.route != "/tasks/{id}" {
			t.Errorf("chi's Logger sees %+v, want 200 of /tasks/{id}", e)
		}
		if id := testkit.Await(t, a.tasks, "deferred task"); id != "7" {
			t.Errorf("URLParam in the task = %q, want 7", id)
		}
		for range 3 { // while the handler is at work, the connection and chi's pool go on
			if _, text, err := a.get(t, "/threads"); text != "[1 2 3]" || err != nil {
				t.Errorf("the next answer = %q, %v, want [1 2 3]", text, err)
			}
		}
		if st := a.life.Stats(); st.Background.Detached != 1 || st.EOFs != 1 {
			t.Errorf("Stats() = %+v, want one handler at work after Send", st)
		}
		close(a.resume)
		if err := testkit.Await(t, a.worked, "work"); err != nil {
			t.Errorf("Send, Err after it = %v, want nil twice", err)
		}
	})
}

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
	a.life = middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { a.ended <- o }})
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
