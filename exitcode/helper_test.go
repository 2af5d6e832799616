package exitcode_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

type handlerFunc = func(http.ResponseWriter, *http.Request)

// wrap is a lastbyte middleware that makes exits possible.
type wrap func(http.Handler) http.Handler

// run runs body on both protocols, with the handler on the serving goroutine
// and with it on one of its own.
func run(t *testing.T, body func(t *testing.T, p pipenet.Proto, in wrap)) {
	t.Helper()
	t.Run("plain", func(t *testing.T) {
		pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
			body(t, p, exitcode.New(exitcode.Options{}))
		})
	})
	t.Run("detach", func(t *testing.T) {
		pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
			body(t, p, background(t).Detach)
		})
	})
}

// background is a Background without panics.
func background(t *testing.T) *eof.Background {
	b := eof.New(eof.Options{OnPanic: func(v any, _ []byte) { t.Errorf("background: panic: %v", v) }})
	drains(t, b)
	return b
}

// drains has the test's end wait for the work of b, a Background or Lifecycle.
func drains(t *testing.T, b interface{ Shutdown(context.Context) error }) {
	t.Cleanup(func() {
		if err := b.Shutdown(context.Background()); err != nil { // t.Context has ended
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
}

// server is a pipenet.Server whose handler stands inside a recorder of the
// kind that loggers and metrics use.
type server struct {
	*pipenet.Server
	t     *testing.T
	proto pipenet.Proto

	// seen has the status that the recorder knows when a handler has returned,
	// 0 if it was told of none; in the order of the requests.
	seen chan int
}

// start serves h inside in, and that inside the recorder.
func start(t *testing.T, p pipenet.Proto, in wrap, h handlerFunc, configure ...func(*http.Server)) *server {
	t.Helper()
	s := &server{t: t, proto: p, seen: make(chan int, 200)}
	s.Server = pipenet.Start(t, p, record(s.seen, in(http.HandlerFunc(h))), configure...)
	return s
}

// Logs is the server's log: most of these servers are not attached, on purpose.
func (s *server) Logs() string { return testkit.LogBut(s.Server.Logs()) }

func record(seen chan<- int, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		defer func() { seen <- rec.status }()
		next.ServeHTTP(rec, r)
	})
}

// recorder is a hand-written one: it knows of WriteHeader and Write alone.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// recorded fails the test if the recorder's next status is not want.
func (s *server) recorded(want int) {
	s.t.Helper()
	select {
	case got := <-s.seen:
		if got != want {
			s.t.Errorf("recorder outside saw status %d, want %d", got, want)
		}
	case <-time.After(24 * time.Hour):
		s.t.Errorf("recorder outside: the handler does not return, want status %d", want)
	}
}

// answer is what a client got.
type answer struct {
	status  int
	header  http.Header
	trailer http.Header // trailers
	length  int64       // the declared Content-Length, -1 without one
	body    string
	err     error         // of the request, else of reading the body
	after   time.Duration // until the header was there
	whole   time.Duration // until all was there
}

// do sends r and reads all of the response. It waits first: net/http's client
// keeps a connection only some time after it was of use.
func (s *server) do(r *http.Request) (a answer) {
	synctest.Wait()
	begin := time.Now()
	res, err := s.Do(r)
	a.after = time.Since(begin)
	if err != nil {
		a.err = err
		return a
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	a.status, a.header, a.length = res.StatusCode, res.Header, res.ContentLength
	a.body, a.err, a.whole, a.trailer = string(b), err, time.Since(begin), res.Trailer
	return a
}

func (s *server) get(path string) answer { return s.do(s.NewRequest("GET", path, nil)) }

// is fails the test if a is not a whole response of that status and body.
func (a answer) is(t testing.TB, what string, status int, body string) {
	t.Helper()
	if a.err != nil || a.status != status || a.body != body {
		t.Errorf("%s: got %d, body %q, error %v, want %d, %q, no error", what, a.status, a.body, a.err, status, body)
	}
}

// same fails the test if the server's one client had to open more than one
// connection.
func (s *server) same() {
	s.t.Helper()
	if n := len(s.Conns()); n != 1 {
		s.t.Errorf("the requests took %d connections, want 1", n)
	}
}

// check fails the test if got is not want.
func check[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// isErr fails the test if got is not want, as errors.Is sees it.
func isErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// causeCode gives the code of the ExitError that ended ctx, 0 if there is none.
func causeCode(ctx context.Context) exitcode.Code {
	if e, ok := errors.AsType[*exitcode.ExitError](context.Cause(ctx)); ok && ctx.Err() == context.Canceled {
		return e.Code
	}
	return 0
}
