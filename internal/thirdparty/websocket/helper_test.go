package thirdparty_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// place is a library, what its frames travel on, and how lastbyte stands
// around the handler.
type place struct {
	library
	secure, detach bool
}

// each runs body for every place, all of them at once.
func each(t *testing.T, body func(t *testing.T, p place)) {
	t.Helper()
	for _, l := range libraries {
		for _, secure := range []bool{false, true} {
			for _, detach := range []bool{false, true} {
				name := l.name + map[bool]string{false: " TCP", true: " TLS"}[secure]
				name += map[bool]string{false: " Handler", true: " Detach"}[detach]
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					body(t, place{l, secure, detach})
				})
			}
		}
	}
}

// site is a server on the loopback interface whose handler has a WebSocket.
type site struct {
	*httptest.Server
	place
	ended   chan middleware.Outcome
	conns   chan net.Conn // that it has accepted, as net/http serves them
	calls   atomic.Int32  // callbacks of register
	noticed chan struct{} // a callback ran; it keeps one
	mayRead chan struct{} // for a handler that leaves its client's message unread until then
	over    <-chan struct{}
}

// open starts a server with h in it. ConnContext is installed by hand or, with
// Detach, by Attach.
func (p place) open(t *testing.T, h func(s *site, w http.ResponseWriter, r *http.Request)) *site {
	t.Helper()
	s := &site{place: p, ended: make(chan middleware.Outcome, 64), conns: make(chan net.Conn, 64), noticed: make(chan struct{}, 1), mayRead: make(chan struct{}, 1), over: t.Context().Done()}
	life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { s.ended <- o }})
	wrap := life.Handler
	if p.detach {
		wrap = life.Detach
	}
	s.Server = httptest.NewUnstartedServer(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(s, w, r) })))
	s.Config.ErrorLog = log.New(t.Output(), "", 0)
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		s.conns <- c
		if p.detach {
			return ctx
		}
		return abort.ConnContext(ctx, c)
	}
	if p.detach {
		life.Attach(s.Config)
	}
	if p.secure {
		// A session ticket that the client has not read when it closes would make
		// a reset of its close.
		s.TLS = &tls.Config{SessionTicketsDisabled: true, Certificates: []tls.Certificate{certificate()}}
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		s.Close()
		if err := life.Shutdown(context.Background()); err != nil { // t.Context has ended
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	return s
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

// with is a handler that accepts a WebSocket with a callback registered, for h
// and what h finds.
func with[T any](found chan<- T, failed chan<- error, h func(s *site, r *http.Request, sock socket, called <-chan *abort.Error) T) func(*site, http.ResponseWriter, *http.Request) {
	return func(s *site, w http.ResponseWriter, r *http.Request) {
		called := make(chan *abort.Error, 2)
		rerr := abort.On(r.Context(), func(ctx context.Context) {
			s.calls.Add(1)
			e, _ := abort.Cause(ctx)
			called <- e
			select {
			case s.noticed <- struct{}{}:
			default:
			}
		})
		sock, err := s.accept(w, r)
		if err = errors.Join(rerr, err); err != nil {
			failed <- err
			return
		}
		defer sock.drop()
		found <- h(s, r, sock, called)
	}
}

// wait takes what comes, but not for longer than the test is there.
func wait[T any](s *site, ch <-chan T) (v T) {
	select {
	case v = <-ch:
	case <-s.over:
	}
	return v
}

// outcome gives the next request's, of a handler whose callback ran that often
// in all.
func (s *site) outcome(t *testing.T, calls int32) middleware.Outcome {
	t.Helper()
	o := testkit.Await(t, s.ended, "OnEnd")
	if got := s.calls.Load(); got != calls {
		t.Errorf("%d callbacks ran so far, want %d", got, calls)
	}
	if o.Status != 101 || !o.Hijacked {
		t.Errorf("Outcome = %d, hijacked %t, want 101, true", o.Status, o.Hijacked)
	}
	return o
}

// stayed asserts that the next request's client did.
func (s *site) stayed(t *testing.T) {
	t.Helper()
	if o := s.outcome(t, 0); o.Abort != nil {
		t.Errorf("Outcome.Abort = %v, want nil", o.Abort)
	}
}
