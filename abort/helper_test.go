package abort_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// mount is a way to put lastbyte around a handler.
type mount struct {
	name string
	wrap func(*middleware.Lifecycle, http.Handler) http.Handler
}

var mounts = []mount{
	{"handler", (*middleware.Lifecycle).Handler},
	{"detach", (*middleware.Lifecycle).Detach},
}

// each runs body for every mount and protocol, in bubbles.
func each(t *testing.T, body func(t *testing.T, p pipenet.Proto, m mount)) {
	t.Helper()
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { body(t, p, m) })
		})
	}
}

// scene is a server whose handler is inside a Lifecycle.
type scene struct {
	*pipenet.Server
	life  *middleware.Lifecycle
	ended chan middleware.Outcome // OnEnd's
	outer chan int                // the status that a middleware outside of lastbyte saw
}

func start(t *testing.T, p pipenet.Proto, m mount, h http.HandlerFunc, configure ...func(*http.Server)) *scene {
	t.Helper()
	s := &scene{ended: make(chan middleware.Outcome, 8), outer: make(chan int, 8)}
	s.life = middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { s.ended <- o }})
	t.Cleanup(func() { _ = s.life.Shutdown(context.Background()) })
	inside := m.wrap(s.life, h)
	s.Server = pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &statusWriter{ResponseWriter: w}
		defer func() { s.outer <- rec.status }()
		inside.ServeHTTP(rec, r)
	}), configure...)
	return s
}

// statusWriter is what a logger puts around a ResponseWriter.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// take waits until the bubble is at rest and gives what is in ch then.
func take[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	synctest.Wait()
	select {
	case v := <-ch:
		return v
	default:
		t.Fatalf("%s: nothing came, want one", what)
		panic("unreachable")
	}
}

// none fails the test if something is in ch once the bubble is at rest.
func none[T any](t *testing.T, ch <-chan T, what string) {
	t.Helper()
	synctest.Wait()
	select {
	case v := <-ch:
		t.Errorf("%s: got %v, want nothing", what, v)
	default:
	}
}

// departure is a way for a client to leave.
type departure struct {
	name  string
	leave func(s *pipenet.Server, c *pipenet.Call)
}

var (
	cancels = departure{"cancel", func(_ *pipenet.Server, c *pipenet.Call) { c.Cancel() }}
	resets  = departure{"reset", func(s *pipenet.Server, _ *pipenet.Call) { last(s).Reset() }}
	closes  = departure{"close", func(s *pipenet.Server, _ *pipenet.Call) { last(s).Close() }}
	halves  = departure{"half-close", func(s *pipenet.Server, _ *pipenet.Call) { last(s).CloseWrite() }}
)

func last(s *pipenet.Server) *pipenet.Conn { return s.Conns()[len(s.Conns())-1] }

// flush sends the header and what was written.
func flush(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }

// body reads res to its end.
func body(res *http.Response) (string, error) {
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

// mustGet sends a GET request and gives the whole answer.
func mustGet(t *testing.T, s *pipenet.Server, path string) (status int, text string) {
	t.Helper()
	res, err := s.Get(path)
	if err != nil {
		t.Fatalf("Get(%q) = %v, want a response", path, err)
	}
	text, err = body(res)
	if err != nil {
		t.Fatalf("body of Get(%q) = %v, want all of it", path, err)
	}
	return res.StatusCode, text
}

// hitAndRun sends a request and leaves at once.
func hitAndRun(s *pipenet.Server, p pipenet.Proto) {
	if p == pipenet.HTTP1 { // the Transport says WroteRequest before it does
		c := s.Dial()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
		c.Close()
		return
	}
	s.Begin(atOnce(s.NewRequest("GET", "/", nil))).Wait()
}

// atOnce makes an HTTP/2 client leave as soon as it has sent r.
func atOnce(r *http.Request) *http.Request {
	ctx, cancel := context.WithCancel(r.Context())
	return r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { cancel() },
	}))
}

type lifecycle = middleware.Lifecycle // its name where chi's package middleware is at hand
