package middleware_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/rs/zerolog"
)

// Writers without Unwrap, one type for each test: a type is named once in a process.
type (
	hidesOnce   struct{ http.ResponseWriter }
	hidesDetach struct{ http.ResponseWriter }
	hidesDeep   struct{ part *hidesPart }
	hidesPart   struct{ w http.ResponseWriter }
	hidesNil    struct{ http.ResponseWriter }
	hidesLogged struct{ http.ResponseWriter }
	hidesInside struct{ http.ResponseWriter }
	hidesServer struct{ http.ResponseWriter }
	unwraps     struct{ http.ResponseWriter }
	keeps       struct {
		*httptest.ResponseRecorder
		request *http.Request
	}
)

func (w hidesDeep) Header() http.Header         { return w.part.w.Header() }
func (w hidesDeep) Write(p []byte) (int, error) { return w.part.w.Write(p) }
func (w hidesDeep) WriteHeader(status int)      { w.part.w.WriteHeader(status) }
func (hidesNil) Unwrap() http.ResponseWriter    { return nil }
func (w unwraps) Unwrap() http.ResponseWriter   { return w.ResponseWriter }

// hiding has one wrapper around the ResponseWriter of next, of its caller's type.
func hiding(wrapper func(http.ResponseWriter) http.ResponseWriter, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(wrapper(w), r) })
}

// The runs of the tests below in this process.
var hiddenRuns, hiddenServerRuns atomic.Int32

// A wrapper around the outermost lastbyte middleware that hides
// deadlines was noticed by nobody until a Write hung.
func TestWrongOrder_HiddenDeadlines(t *testing.T) {
	if hiddenRuns.Add(1) > 1 {
		t.Skip("each type is named once in a process: -count")
	}
	for _, c := range []struct {
		name    string
		detach  bool
		outside func(http.ResponseWriter) http.ResponseWriter
		inside  func(http.ResponseWriter) http.ResponseWriter
		want    string // what is named; empty: nothing is logged
	}{
		{"wrapper", false, func(w http.ResponseWriter) http.ResponseWriter { return hidesOnce{w} }, nil, "middleware_test.hidesOnce"},
		{"under Detach", true, func(w http.ResponseWriter) http.ResponseWriter { return &hidesDetach{w} }, nil, "*middleware_test.hidesDetach"},
		{"held by a part", false, func(w http.ResponseWriter) http.ResponseWriter { return hidesDeep{&hidesPart{w}} }, nil, "middleware_test.hidesDeep"},
		{"Unwrap gives nil", false, func(w http.ResponseWriter) http.ResponseWriter { return hidesNil{w} }, nil, "middleware_test.hidesNil"},
		{"behind one that does not hide", false, func(w http.ResponseWriter) http.ResponseWriter { return unwraps{hidesLogged{w}} }, nil, "middleware_test.hidesLogged"},
		{"nothing hidden", false, func(w http.ResponseWriter) http.ResponseWriter { return unwraps{w} }, nil, ""},
		{"inside", false, func(w http.ResponseWriter) http.ResponseWriter { return w }, func(w http.ResponseWriter) http.ResponseWriter { return hidesInside{w} }, ""},
		{"recorder", false, func(http.ResponseWriter) http.ResponseWriter { return httptest.NewRecorder() }, nil, ""},
		{"recorder in a struct", true, func(http.ResponseWriter) http.ResponseWriter {
			return keeps{httptest.NewRecorder(), new(http.Request)}
		}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var logged bytes.Buffer // zerolog writes on the goroutine of a request, and requests follow each other
			life := middleware.New(middleware.Options{Logger: zerolog.New(&logged)})
			h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
			if c.inside != nil {
				h = hiding(c.inside, life.Handler(h))
			}
			if c.detach {
				h = life.Detach(h)
			} else {
				h = life.Handler(h)
			}
			s := httptest.NewServer(hiding(c.outside, h))
			for range 3 {
				res, err := s.Client().Get(s.URL)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
			}
			s.Close() // waits for the requests
			if err := life.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			want := 0
			if c.want != "" {
				want = 1
			}
			if n := strings.Count(logged.String(), "hides deadlines"); n != want || !strings.Contains(logged.String(), c.want+" ") && want > 0 {
				t.Errorf("%d lines of hidden deadlines, want %d that names %q: %s", n, want, c.want, logged.String())
			}
		})
	}
}

// The same without a logger: the line is in the server's ErrorLog. Where there is no
// server, there is no line.
func TestWrongOrder_HiddenDeadlinesErrorLog(t *testing.T) {
	if hiddenServerRuns.Add(1) > 1 {
		t.Skip("each type is named once in a process: -count")
	}
	var logged bytes.Buffer
	life := middleware.New(middleware.Options{})
	h := hiding(func(w http.ResponseWriter) http.ResponseWriter { return hidesServer{w} }, life.Handler(http.NotFoundHandler()))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))

	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(&logged, "", 0)
	s.Start()
	for range 2 {
		res, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	s.Close()
	if n := strings.Count(logged.String(), "a middleware_test.hidesServer around"); n != 1 {
		t.Errorf("the server's log names the wrapper %d times, want once: %s", n, logged.String())
	}
}
