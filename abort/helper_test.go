package abort_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/aborttest"
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
func each(t *testing.T, body func(t *testing.T, p aborttest.Protocol, m mount)) {
	t.Helper()
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			run(t, func(t *testing.T, p aborttest.Protocol) { body(t, p, m) })
		})
	}
}

// run runs body for every protocol, in bubbles.
func run(t *testing.T, body func(t *testing.T, p aborttest.Protocol)) {
	t.Helper()
	for _, p := range []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2} {
		t.Run(string(p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { body(t, p) })
		})
	}
}

// alone has no Lifecycle around a handler.
var alone = mount{"alone", func(_ *middleware.Lifecycle, h http.Handler) http.Handler { return h }}

// start serves h inside m. The connection is not in its context unless configure puts it
// there, so that no reason is known: what a socket tells is for the peer tests.
func start(t *testing.T, p aborttest.Protocol, m mount, h http.HandlerFunc, configure ...func(*http.Server)) *aborttest.Client {
	t.Helper()
	life, told := middleware.New(middleware.Options{}), false
	return aborttest.Start(t, aborttest.Options{
		Protocols: []aborttest.Protocol{p}, Lifecycle: life, Limit: 2 * time.Hour,
		Server: func(srv *http.Server) {
			for _, c := range configure {
				c(srv)
			}
			told = srv.ConnContext != nil
		},
		Serve: func(srv *http.Server, ln net.Listener) error {
			if !told {
				srv.ConnContext = nil // Attach has set it
			}
			return srv.Serve(ln)
		},
	}, m.wrap(life, h))
}

// outside has statuses get what a logger around all of lastbyte sees.
func outside(statuses chan<- int) func(*http.Server) {
	return func(srv *http.Server) {
		inside := srv.Handler
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := chimiddleware.NewWrapResponseWriter(w, r.ProtoMajor)
			defer func() { statuses <- rec.Status() }()
			inside.ServeHTTP(rec, r)
		})
	}
}

// last gives the latest request.
func last(s *aborttest.Client) *aborttest.Call {
	synctest.Wait()
	calls := s.Calls()
	return calls[len(calls)-1]
}

// ended gives the outcome of call, whose response has ended by now.
func ended(t *testing.T, call *aborttest.Call) middleware.Outcome {
	t.Helper()
	synctest.Wait()
	now := time.Now()
	o := call.Outcome()
	if late := time.Since(now); late > 0 {
		t.Errorf("the response of %s ended %v later, want by now", call, late)
	}
	return o
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

// flush sends the header and what was written.
func flush(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }

// hitAndRun sends a request and leaves at once.
func hitAndRun(s *aborttest.Client) {
	if s.Protocol() == aborttest.HTTP1 { // the Transport says WroteRequest before it does
		c := s.Dial()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
		c.Close()
		return
	}
	s.Do(atOnce(s.NewRequest("GET", "/", nil))).Response()
}

// atOnce makes an HTTP/2 client leave as soon as it has sent r.
func atOnce(r *http.Request) *http.Request {
	ctx, cancel := context.WithCancel(r.Context())
	return r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { cancel() },
	}))
}

type lifecycle = middleware.Lifecycle // its name where chi's package middleware is at hand
