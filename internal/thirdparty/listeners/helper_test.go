package thirdparty_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/soheilhy/cmux"
	"golang.org/x/net/netutil"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// kind is where a server's connections come from.
type kind struct {
	name   string
	wrap   func(t *testing.T, ln net.Listener) net.Listener
	secure bool
	socket bool // lastbyte can find it

	proxied bool // connections begin with a header of the PROXY protocol
}

var kinds = func() (all []kind) {
	plain := []kind{
		{"net", func(_ *testing.T, ln net.Listener) net.Listener { return ln }, false, true, false},
		{"LimitListener", func(_ *testing.T, ln net.Listener) net.Listener { return netutil.LimitListener(ln, 100) }, false, true, false},
		{"proxyproto", func(_ *testing.T, ln net.Listener) net.Listener { return &proxyproto.Listener{Listener: ln} }, false, true, true},
		{"cmux", muxed, false, true, false},
		{"all of them", func(t *testing.T, ln net.Listener) net.Listener {
			return &proxyproto.Listener{Listener: muxed(t, netutil.LimitListener(ln, 100))}
		}, false, true, true},
		{"embedding tls.Conn", embedding, true, true, false},
		{"net.Pipe", func(*testing.T, net.Listener) net.Listener { return newPipes() }, false, false, false},
	}
	for _, k := range plain {
		all = append(all, k)
		if !k.secure {
			wrap := k.wrap
			k.name, k.secure = k.name+" TLS", true
			k.wrap = func(t *testing.T, ln net.Listener) net.Listener { return tls.NewListener(wrap(t, ln), serverTLS()) }
			all = append(all, k)
		}
	}
	return all
}()

func muxed(t *testing.T, ln net.Listener) net.Listener {
	m := cmux.New(ln)
	any := m.Match(cmux.Any())
	over := make(chan struct{})
	go func() { m.Serve(); close(over) }()
	t.Cleanup(func() { ln.Close(); <-over })
	return any
}

// embedded is what a user makes of a *tls.Conn to give it a method.
type embedded struct {
	*tls.Conn
	buf []byte // it cannot be compared
}

type embeddingListener struct{ net.Listener }

func (l embeddingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return embedded{Conn: tls.Server(c, serverTLS())}, nil
}

func embedding(_ *testing.T, ln net.Listener) net.Listener { return embeddingListener{ln} }

// pipes is a listener without sockets.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// site is a server with the connections of a kind.
type site struct {
	kind
	srv   *http.Server
	life  *middleware.Lifecycle
	ended chan middleware.Outcome
	log   *bytes.Buffer // to be read when the server is closed
	addr  string
	pipes *pipes
}

func (k kind) open(t *testing.T, detach bool, h http.HandlerFunc) *site {
	t.Helper()
	s := &site{kind: k, ended: make(chan middleware.Outcome, 64), log: new(bytes.Buffer)}
	s.life = middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { s.ended <- o }})
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = tcp.Addr().String()
	wrap := s.life.Handler
	if detach {
		wrap = s.life.Detach
	}
	s.srv = &http.Server{Handler: wrap(h), ErrorLog: log.New(s.log, "", 0)}
	s.life.Attach(s.srv)
	ln := k.wrap(t, tcp)
	if in, ok := ln.(*pipes); ok {
		s.pipes = in
	} else if !k.socket { // net.Pipe TLS
		s.pipes = newPipes()
		ln = tls.NewListener(s.pipes, serverTLS())
	}
	served := make(chan error, 1)
	go func() { served <- s.srv.Serve(ln) }()
	t.Cleanup(func() {
		s.srv.Close()
		tcp.Close()
		<-served
		if err := s.life.Shutdown(context.Background()); err != nil { // t.Context has ended
			t.Errorf("Shutdown() = %v, want nil", err)
		}
		want := 1
		if k.socket {
			want = 0
		}
		if n := strings.Count(s.log.String(), "no socket"); n != want {
			t.Errorf("the log says %q, want \"no socket\" %d times", s.log, want)
		}
	})
	return s
}

// dial gives a connection, and what it travels on.
func (s *site) dial(t *testing.T) (c, raw net.Conn) {
	t.Helper()
	if s.pipes != nil {
		var far net.Conn
		raw, far = net.Pipe()
		s.pipes.accepted <- far
	} else {
		var err error
		if raw, err = net.Dial("tcp", s.addr); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { raw.Close() })
	if s.proxied {
		io.WriteString(raw, "PROXY TCP4 127.0.0.1 127.0.0.1 1000 2000\r\n")
	}
	if !s.secure {
		return raw, raw
	}
	return tls.Client(raw, &tls.Config{InsecureSkipVerify: true}), raw
}

// serverTLS has no session tickets: one that the client has not read when it closes
// would make a reset of its close.
func serverTLS() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate()}, SessionTicketsDisabled: true}
}

// certificate is for TLS servers: made now, and of the kind that costs least.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, like, like, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})
