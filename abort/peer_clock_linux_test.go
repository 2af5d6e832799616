package abort_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
	"golang.org/x/sys/unix"
)

// clock is what notices that nobody is there.
type clock struct {
	name   string
	link   link
	listen net.ListenConfig
	server func(*http.Server)
	want   []abort.Reason // with ConnContext
}

var (
	noKeepAlive = net.KeepAliveConfig{Enable: false}
	// A reset is what the socket says of every connection that the kernel gave
	// up. On HTTP/2 net/http may close it first.
	gaveUp   = []abort.Reason{abort.Reset}
	gaveUpH2 = []abort.Reason{abort.Reset, abort.Closed}
)

// keepAlive has the kernel ask a peer that says nothing.
func keepAlive(l link, want []abort.Reason) clock {
	return clock{
		name: "keep-alive", link: l, want: want,
		listen: net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: time.Second, Interval: time.Second, Count: 1,
		}},
	}
}

// userTimeout bounds how long the kernel sends again what nobody acknowledges.
func userTimeout(l link, want []abort.Reason) clock {
	lc := net.ListenConfig{
		KeepAlive: -1, KeepAliveConfig: noKeepAlive,
		Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			cerr := c.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 1000)
			})
			return errors.Join(cerr, err)
		},
	}
	lc.SetMultipathTCP(false) // the option is plain TCP's
	return clock{name: "TCP_USER_TIMEOUT", link: l, want: want, listen: lc}
}

// pings are HTTP/2's own question, and the server is who gives up.
func pings() clock {
	return clock{
		name: "HTTP/2 ping", link: overH2C, want: gaveUpH2,
		listen: net.ListenConfig{KeepAlive: -1, KeepAliveConfig: noKeepAlive},
		server: func(srv *http.Server) {
			srv.HTTP2 = &http.HTTP2Config{SendPingTimeout: time.Second, PingTimeout: time.Second}
		},
	}
}

func writeByteTimeout() clock {
	return clock{
		name: "WriteByteTimeout", link: overH2C, want: []abort.Reason{abort.WriteFailed},
		listen: net.ListenConfig{KeepAlive: -1, KeepAliveConfig: noKeepAlive},
		server: func(srv *http.Server) {
			srv.HTTP2 = &http.HTTP2Config{WriteByteTimeout: time.Second}
		},
	}
}

// silent is a silence at work: a server, and a client that loses its link.
type silent struct {
	*site
	silence
	with  bool // abort.ConnContext
	begun chan struct{}
	cut   <-chan struct{}
	found chan seen
	errs  chan error
}

// begin starts a server of its own for c, sends a request from the clients'
// network and returns when the handler has begun.
func (c silence) begin(t *testing.T, servers, clients *netns, with bool, cut <-chan struct{}) *silent {
	t.Helper()
	s := &silent{
		site:    &site{link: c.clock.link, ended: make(chan middleware.Outcome, 1), over: t.Context().Done()},
		silence: c, with: with, cut: cut,
		begun: make(chan struct{}), found: make(chan seen, 1), errs: make(chan error, 2),
	}
	s.life = middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { s.ended <- o }})
	s.serve(t, servers)
	var conn net.Conn
	var err error
	addr := s.Listener.Addr().String()
	clients.do(func() { conn, err = net.DialTimeout("tcp", addr, 10*time.Second) })
	if err != nil {
		t.Fatalf("Dial(%s) = %v, want a connection", addr, err)
	}
	t.Cleanup(func() { conn.Close() })
	g := &guest{site: s.site, tcp: conn.(*net.TCPConn), conn: conn, heads: make(chan head, 1)}
	if s.link.h2 {
		g.greet(t) // so that nothing is on its way to the client any more
		g.begin(t, "GET", "/", nil)
		t.Cleanup(func() { g.cancel(); <-g.heads })
	} else {
		g.write(t, c.text)
	}
	await(t, s.begun, "request")
	return s
}

// serve starts the server in the network n.
func (s *silent) serve(t *testing.T, n *netns) {
	t.Helper()
	var ln net.Listener
	var err error
	n.do(func() { ln, err = s.clock.listen.Listen(t.Context(), "tcp", serverAddr+":0") })
	if err != nil {
		t.Fatalf("Listen() = %v, want a listener", err)
	}
	inside := s.life.Handler(s.handle(s))
	s.Server = &httptest.Server{Listener: ln, Config: &http.Server{
		Protocols: new(http.Protocols),
		ErrorLog:  testkit.Log(t), // HTTP/2's ping writes to it
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hello" {
				io.WriteString(w, "hello")
				return
			}
			inside.ServeHTTP(w, r)
		}),
	}}
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(s.link.h2)
	if s.with {
		s.Config.ConnContext = abort.ConnContext
	}
	if s.clock.server != nil {
		s.clock.server(s.Config)
	}
	testkit.CloseAtEnd(t, s.Server)
	s.Start()
}

// awaitCut returns when the link is cut.
func (s *silent) awaitCut() {
	select {
	case <-s.cut:
	case <-s.over:
	}
}

// left asserts an abort, and its reason: the clock's, or one of also.
func (s *silent) left(t *testing.T, e *abort.Error, ok bool, also ...abort.Reason) {
	t.Helper()
	want := append([]abort.Reason{abort.Unverified}, also...)
	if s.with {
		want = append(slices.Clone(s.clock.want), also...)
	}
	if !ok || e == nil || !slices.Contains(want, e.Reason) {
		t.Errorf("abort = %v, want one with a reason of %q", e, want)
	}
}
