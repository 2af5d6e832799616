package thirdparty_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	gorilla "github.com/gorilla/websocket"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// goAway sends a close frame with status 1001, beside a read.
func goAway(sock socket) error {
	switch s := sock.(type) {
	case coderSocket:
		return s.Close(coder.StatusGoingAway, "")
	case gorillaSocket:
		return s.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseGoingAway, ""), time.Time{})
	case *gobwasSocket:
		return s.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "")))
	}
	return errors.ErrUnsupported
}

// status is that of the close frame that a read has met.
func status(err error) int {
	if e, ok := errors.AsType[*gorilla.CloseError](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[wsutil.ClosedError](err); ok {
		return int(e.Code)
	}
	return int(coder.CloseStatus(err))
}

const grace = 2 * time.Second

// drained serves h, inside a Lifecycle, by Serve. The result stops it, and fails the
// test unless Serve returns nil: before half of the grace, or from then on if the
// connection is left alone until then.
func drained(t *testing.T, detach, leftAlone bool, h http.Handler) (addr string, stop func()) {
	t.Helper()
	life := middleware.New(middleware.Options{Grace: grace})
	wrap := life.Handler
	if detach {
		wrap = life.Detach
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	served := make(chan error, 1)
	go func() { served <- life.Serve(ctx, &http.Server{Handler: wrap(h)}, ln) }()
	return ln.Addr().String(), func() {
		began := time.Now()
		cancel()
		if err := testkit.Await(t, served, "Serve"); err != nil {
			t.Errorf("Serve() = %v, want nil: nothing was given up", err)
		}
		if took := time.Since(began); took < grace/2 == leftAlone {
			t.Errorf("Serve took %v of %v; the connection is left alone for half of that: want %t", took, grace, leftAlone)
		}
	}
}

// visit connects to addr.
func (l library) visit(t *testing.T, addr string) *guest {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	g := &guest{line: &line{TCPConn: c.(*net.TCPConn)}}
	g.conn = g.line
	if g.socket, err = l.dial(t.Context(), g.conn); err != nil {
		t.Fatalf("%s: dial = %v, want a WebSocket", l.name, err)
	}
	return g
}

// eachDrained runs body for each library and mount.
func eachDrained(t *testing.T, body func(t *testing.T, l library, detach bool)) {
	for _, l := range libraries {
		for _, detach := range []bool{false, true} {
			t.Run(l.name+map[bool]string{false: " Handler", true: " Detach"}[detach], func(t *testing.T) {
				t.Parallel()
				body(t, l, detach)
			})
		}
	}
}

// A WebSocket that is blocked in a read says 1001 when the drain begins, by OnDrain; one
// that knows its context alone, at half of the grace.
func TestB13_WebSocketSaysGoingAway(t *testing.T) {
	t.Run("OnDrain", func(t *testing.T) {
		saysGoingAway(t, false, func(ctx context.Context, sock socket) error {
			defer eof.OnDrain(ctx, func(context.Context) { _ = goAway(sock) })()
			return echo(ctx, sock)
		})
	})
	t.Run("context", func(t *testing.T) {
		saysGoingAway(t, true, func(ctx context.Context, sock socket) error {
			defer context.AfterFunc(ctx, func() { _ = goAway(sock) })()
			return echo(context.Background(), sock) // coder's library closes the connection at the end of ctx
		})
	})
}

func saysGoingAway(t *testing.T, leftAlone bool, serve func(ctx context.Context, sock socket) error) {
	eachDrained(t, func(t *testing.T, l library, detach bool) {
		addr, stop := drained(t, detach, leftAlone, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sock, err := l.accept(w, r)
			if err != nil {
				t.Errorf("accept() = %v, want nil", err)
				return
			}
			defer sock.drop()
			if err := serve(r.Context(), sock); status(err) != 1001 {
				t.Errorf("server's read() = %v, want the client's answer with status 1001", err)
			}
		}))
		g := l.visit(t, addr)
		g.echoed(t, "hello")
		met := make(chan error, 1)
		go func() {
			_, err := g.read(t.Context()) // which answers the close frame
			met <- err
			g.drop()
		}()
		stop()
		if err := testkit.Await(t, met, "client's read"); status(err) != 1001 {
			t.Errorf("client's read() = %v, want a close frame with status 1001", err)
		}
	})
}

// httputil.ReverseProxy copies until its context ends: so a proxied WebSocket costs
// half of the grace, and not all of it.
func TestB13_ProxiedWebSocket(t *testing.T) {
	eachDrained(t, func(t *testing.T, l library, detach bool) {
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sock, err := l.accept(w, r)
			if err != nil {
				t.Errorf("accept() = %v, want nil", err)
				return
			}
			defer sock.drop()
			_ = echo(r.Context(), sock)
		}))
		defer backend.Close()
		target, err := url.Parse(backend.URL)
		if err != nil {
			t.Fatal(err)
		}
		addr, stop := drained(t, detach, true, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
		g := l.visit(t, addr)
		g.echoed(t, "hello")
		stop()
		if _, err := g.read(t.Context()); err == nil {
			t.Error("client's read() = nil, want the end of the connection")
		}
		g.drop()
	})
}
