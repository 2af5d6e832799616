package eof_test

import (
	"context"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// link is a kind of connection with a server on 127.0.0.1.
type link struct {
	h2, tls  bool
	answered chan struct{} // the handlers of these tests wait for the client, never for time
	release  func()        // closes answered
}

// onSockets runs body for HTTP/1 and HTTP/2, over TCP and TLS.
func onSockets(t *testing.T, body func(t *testing.T, l *link)) {
	t.Helper()
	for _, name := range []string{"h1", "h1 TLS", "h2", "h2 TLS"} {
		t.Run(name, func(t *testing.T) {
			l := &link{h2: name[:2] == "h2", tls: len(name) > 2, answered: make(chan struct{})}
			l.release = sync.OnceFunc(func() { close(l.answered) })
			body(t, l)
		})
	}
}

// cleanEnd is how a connection ends whose server has said everything.
func (l *link) cleanEnd() string {
	if l.tls {
		return "close_notify"
	}
	return "FIN"
}

// socketServer is a server with a client of its own, which keeps its connections.
type socketServer struct {
	*httptest.Server
	link   *link
	life   *middleware.Lifecycle
	client *http.Client
	logs   book
	drops  bool // what is written after Send is logged

	mu    sync.Mutex
	conns []net.Conn // of client
}

// detach serves f detached, by a Lifecycle that is attached.
func (l *link) detach(t *testing.T, f http.HandlerFunc, configure ...func(*http.Server)) *socketServer {
	t.Helper()
	life := middleware.New(middleware.Options{})
	return l.serve(t, life, life.Detach(f), configure...)
}

// serve serves h with life attached, and drains life at the end of the test.
func (l *link) serve(t *testing.T, life *middleware.Lifecycle, h http.Handler, configure ...func(*http.Server)) *socketServer {
	t.Helper()
	return l.serveOn(t, life, h, func(s *httptest.Server) {
		for _, f := range configure {
			f(s.Config)
		}
	})
}

func (l *link) serveOn(t *testing.T, life *middleware.Lifecycle, h http.Handler, configure func(*httptest.Server)) *socketServer {
	t.Helper()
	s := &socketServer{Server: httptest.NewUnstartedServer(h), link: l, life: life}
	p := new(http.Protocols)
	p.SetHTTP1(!l.h2)
	p.SetHTTP2(l.h2 && l.tls)
	p.SetUnencryptedHTTP2(l.h2 && !l.tls)
	s.Config.Protocols, s.EnableHTTP2 = p, l.h2
	s.Config.ErrorLog = log.New(&s.logs, "", 0)
	configure(s.Server)
	life.Attach(s.Config)
	// With room for one connection no request dials while the one that was dialled
	// for the request before is on its way into the pool.
	tr := &http.Transport{Protocols: p, DialContext: s.keep, MaxConnsPerHost: 1}
	if l.tls {
		s.StartTLS()
		tr.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	} else {
		s.Start()
	}
	s.client = &http.Client{Transport: tr, Timeout: time.Minute}
	t.Cleanup(func() {
		l.release()
		s.client.CloseIdleConnections()
		s.Close()
		shutdown(t, life)
		if log := s.logs.String(); s.drops != strings.Contains(log, "after it were dropped") || !s.drops && log != "" {
			t.Errorf("the server logged %q, want nothing, or what was dropped: %t", log, s.drops)
		}
	})
	return s
}

func (s *socketServer) keep(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, c)
	return c, err
}

func (s *socketServer) wantConns(t *testing.T, want int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.conns); n != want {
		t.Errorf("the client's requests took %d connections, want %d", n, want)
	}
}

func (s *socketServer) get(t *testing.T, path string) reply {
	t.Helper()
	res, err := s.client.Get(s.URL + path)
	return read(t, res, err)
}
