//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

type connKey struct{}

// serve runs a server whose handler watches until its client is gone. It sends
// Alive when it has begun.
func serve(t *testing.T, secure bool, told chan<- peer.State) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c, rec := r.Context().Value(connKey{}).(*peer.Conn), newRecorder()
		if !c.Watch(rec) {
			told <- peer.Unknown
			return
		}
		told <- peer.Alive
		told <- <-rec
		c.Unwatch(rec)
	}))
	srv.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, peer.New(c))
	}
	t.Cleanup(srv.Close)
	if secure {
		// A client that closes with tickets unread sends an RST.
		srv.TLS = &tls.Config{SessionTicketsDisabled: true}
		srv.StartTLS()
	} else {
		srv.Start()
	}
	return srv
}

// dial returns a connection to srv and what lies below its TLS, if any.
func dial(t *testing.T, srv *httptest.Server) (net.Conn, *net.TCPConn) {
	t.Helper()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatalf("Dial: got %v, want a connection", err)
	}
	if srv.TLS == nil {
		return c, c.(*net.TCPConn)
	}
	roots := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return tls.Client(c, &tls.Config{RootCAs: roots, ServerName: "example.com"}), c.(*net.TCPConn)
}

// TestWatch_HTTPServer: the client of a real server leaves. Beside GET net/http
// reads and takes the error of a reset; in the other cases it is blind.
func TestWatch_HTTPServer(t *testing.T) {
	t.Parallel()
	const get, post = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
	shut := func(_ net.Conn, tcp *net.TCPConn) { tcp.CloseWrite() }
	cut := func(_ net.Conn, tcp *net.TCPConn) { reset(tcp) }
	tests := []struct {
		name, request string
		leave         func(c net.Conn, tcp *net.TCPConn)
		want          peer.State
	}{
		{"close", get, func(c net.Conn, _ *net.TCPConn) { c.Close() }, peer.Closed},
		{"half-close", get, shut, peer.Closed},
		{"RST", get, cut, peer.Reset},
		{"unread body, half-close", post, shut, peer.Closed},
		{"unread body, RST", post, cut, peer.Reset},
		{"pipelined byte, half-close", get + "G", shut, peer.Closed},
		{"pipelined request, RST", get + get, cut, peer.Reset},
	}
	for _, tt := range tests {
		for _, secure := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", TLS"}[secure], func(t *testing.T) {
				t.Parallel()
				told := make(chan peer.State)
				srv := serve(t, secure, told)
				for range 5 {
					c, tcp := dial(t, srv)
					io.WriteString(c, tt.request)
					if got := <-told; got != peer.Alive {
						t.Fatalf("Watch in the handler: got %v, want Alive", got)
					}
					tt.leave(c, tcp)
					if got := <-told; got != tt.want {
						t.Errorf("PeerGone: got %v, want %v", got, tt.want)
					}
					reset(tcp)
				}
			})
		}
	}
}
