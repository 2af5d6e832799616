package pipenet

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Proto is the protocol that a test body runs on.
type Proto string

const (
	HTTP1 Proto = "h1" // HTTP/1.1
	HTTP2 Proto = "h2" // HTTP/2 without TLS, with prior knowledge
)

// Run runs body once for each protocol, as a subtest named after it and in a
// bubble of its own. The subtests run one after the other, before Run returns.
func Run(t *testing.T, body func(t *testing.T, p Proto)) {
	t.Helper()
	for _, p := range []Proto{HTTP1, HTTP2} {
		t.Run(string(p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { body(t, p) })
		})
	}
}

// Server is an http.Server on an in-memory network and a client for it.
type Server struct {
	// Config is the server itself, for Close, Shutdown and the like. It serves
	// already: only Start's configure may change it.
	Config *http.Server

	// Client speaks the server's protocol to it, whatever the URL's host. It
	// follows no redirects and asks for no compression. Its requests end with
	// the test at the latest.
	Client *http.Client

	t    testing.TB
	net  *Listener
	logs *logs

	mu    sync.Mutex
	quiet *sync.Cond // of mu; broadcast when busy gets to 0
	busy  int        // connections that net/http serves, and handlers at work
}

// Start serves h until the test ends. Every configure may change the server
// before it starts: ConnContext, timeouts, ErrorLog, which otherwise goes to
// t.Output and [Server.Logs].
//
// In a bubble call it from the bubble and with the bubble's t. At the end the
// server and all connections are closed, then it waits for the handlers: one
// that never returns is a deadlock of the bubble, and reported as one.
func Start(t testing.TB, p Proto, h http.Handler, configure ...func(*http.Server)) *Server {
	t.Helper()
	return StartBy(t, p, h, (*http.Server).Serve, configure...)
}

// StartBy is [Start] with serve in the place of http.Server.Serve. It runs on a
// goroutine of its own, and has to return nil or http.ErrServerClosed once the server
// is closed.
func StartBy(t testing.TB, p Proto, h http.Handler, serve func(*http.Server, net.Listener) error, configure ...func(*http.Server)) *Server {
	t.Helper()
	protocols, dial := new(http.Protocols), new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(p == HTTP2)
	dial.SetHTTP1(p == HTTP1)
	dial.SetUnencryptedHTTP2(p == HTTP2)

	s := &Server{t: t, net: Listen(false), logs: &logs{out: t.Output()}}
	s.quiet = sync.NewCond(&s.mu)
	s.Config = &http.Server{Handler: h, Protocols: protocols, ErrorLog: log.New(s.logs, "", 0)}
	for _, c := range configure {
		c(s.Config)
	}
	s.watch()
	s.Client = &http.Client{
		Transport: &transport{ctx: t.Context(), Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return s.net.Dial(ctx)
			},
			Protocols:             dial,
			DisableCompression:    true,
			ExpectContinueTimeout: time.Second,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}

	served := make(chan error, 1)
	go func() { served <- serve(s.Config, s.net) }()
	t.Cleanup(func() { s.stop(served) })
	return s
}

// watch counts connections and handlers, around what configure has set.
func (s *Server) watch() {
	state := s.Config.ConnState
	s.Config.ConnState = func(c net.Conn, cs http.ConnState) {
		if state != nil {
			state(c, cs)
		}
		switch cs {
		case http.StateNew:
			s.work(+1)
		case http.StateClosed, http.StateHijacked:
			s.work(-1)
		}
	}
	h := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.work(+1)
		defer s.work(-1)
		h.ServeHTTP(w, r)
	})
}

func (s *Server) work(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy += n; s.busy == 0 {
		s.quiet.Broadcast()
	}
}

func (s *Server) stop(served <-chan error) {
	if err := s.Config.Close(); err != nil {
		s.t.Errorf("Server.Close() = %v, want nil", err)
	}
	if err := <-served; err != nil && !errors.Is(err, http.ErrServerClosed) {
		s.t.Errorf("Server.Serve() = %v, want %v", err, http.ErrServerClosed)
	}
	s.Client.CloseIdleConnections()
	for _, c := range s.net.Dialed() {
		c.Close() // hijacked connections too: Server.Close knows nothing of them
	}

	s.mu.Lock()
	for s.busy > 0 {
		s.quiet.Wait()
	}
	s.mu.Unlock()
	s.logs.detach()
}

// transport ends requests that carry no context of their own with the test,
// so that a body nobody closed leaves no goroutine behind.
type transport struct {
	*http.Transport
	ctx context.Context
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Done() == nil {
		r = r.WithContext(t.ctx)
	}
	return t.Transport.RoundTrip(r)
}

// logs keeps what was logged and passes it on until the test ends.
type logs struct {
	mu   sync.Mutex
	text []byte
	out  io.Writer // nil after the test's end, when writing to it would panic
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	if l.out == nil {
		return len(b), nil
	}
	return l.out.Write(b)
}

func (l *logs) detach() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = nil
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
