//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

type connKey struct{}

// serve runs a handler that watches until its client is gone.
func serve(t *testing.T, told chan<- peer.State) (addr *net.TCPAddr) {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("ListenTCP: got %v, want a listener", err)
	}
	srv := &http.Server{
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, peer.New(c))
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, rec := r.Context().Value(connKey{}).(*peer.Conn), newRecorder()
			if !c.Watch(rec) {
				told <- peer.Unknown
				return
			}
			w.(http.Flusher).Flush() // the client may leave now
			told <- <-rec
			c.Unwatch(rec)
		}),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	return ln.Addr().(*net.TCPAddr)
}

// TestWatch_HTTPServer: the client of a real server leaves, net/http's own
// reader taking the error of the reset in one case and being blind in others.
func TestWatch_HTTPServer(t *testing.T) {
	t.Parallel()
	const host = " / HTTP/1.1\r\nHost: a\r\n"
	tests := []struct {
		name, request string
		leave         func(*net.TCPConn)
		want          peer.State
	}{
		{"FIN", "GET" + host + "\r\n", func(c *net.TCPConn) { c.CloseWrite() }, peer.Closed},
		{"RST", "GET" + host + "\r\n", reset, peer.Reset},
		{"unread body", "POST" + host + "Content-Length: 9\r\n\r\nabc", reset, peer.Reset},
		{"unread body, half-close", "POST" + host + "Content-Length: 9\r\n\r\nabc",
			func(c *net.TCPConn) { c.CloseWrite() }, peer.Closed},
		{"pipelined", "GET" + host + "\r\nGET" + host + "\r\n", reset, peer.Reset},
		{"pipelined byte, half-close", "GET" + host + "\r\nG",
			func(c *net.TCPConn) { c.CloseWrite() }, peer.Closed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			told := make(chan peer.State)
			addr := serve(t, told)
			for range 50 {
				client, err := net.DialTCP("tcp", nil, addr)
				if err != nil {
					t.Fatalf("DialTCP: got %v, want a connection", err)
				}
				io.WriteString(client, tt.request)
				client.Read(make([]byte, 1))
				tt.leave(client)
				if got := <-told; got != tt.want {
					t.Errorf("PeerGone: got %v, want %v", got, tt.want)
				}
				reset(client)
			}
		})
	}
}
