package thirdparty_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// line is a client's connection below TLS. It counts bytes, and is polite: it
// leaves the first close to the server, as RFC 6455 asks of a client. Who wants
// to leave otherwise has the socket itself.
type line struct {
	*net.TCPConn
	in, out atomic.Int64
	once    sync.Once
}

func (l *line) Read(p []byte) (int, error) {
	n, err := l.TCPConn.Read(p)
	l.in.Add(int64(n))
	return n, err
}

func (l *line) Write(p []byte) (int, error) {
	n, err := l.TCPConn.Write(p)
	l.out.Add(int64(n))
	return n, err
}

func (l *line) Close() error {
	l.once.Do(func() {
		l.SetReadDeadline(time.Now().Add(20 * time.Second))
		io.Copy(io.Discard, l.TCPConn)
	})
	return l.TCPConn.Close()
}

// guest is a client with its socket.
type guest struct {
	socket
	line *line
	conn net.Conn // line, or TLS over it
}

// hasty makes a client that closes as soon as its library does.
func (g *guest) hasty() { g.line.once.Do(func() {}) }

// guest connects and asks for a WebSocket.
func (s *site) guest(t *testing.T) *guest {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatalf("Dial() = %v, want a connection", err)
	}
	t.Cleanup(func() { c.Close() })
	g := &guest{line: &line{TCPConn: c.(*net.TCPConn)}}
	g.conn = g.line
	if s.secure {
		conf := &tls.Config{InsecureSkipVerify: true} // it is the one above, of this moment
		tc := tls.Client(g.line, conf)
		if err := tc.HandshakeContext(t.Context()); err != nil {
			t.Fatalf("Handshake() = %v, want nil", err)
		}
		g.conn = tc
	}
	if g.socket, err = s.dial(t.Context(), g.conn); err != nil {
		t.Fatalf("%s: dial = %v, want a WebSocket", s.name, err)
	}
	return g
}

// echoed sends a message and waits for the same one.
func (g *guest) echoed(t *testing.T, text string) {
	t.Helper()
	if err := g.write(t.Context(), text); err != nil {
		t.Fatalf("client's write(%.20q) = %v, want nil", text, err)
	}
	if got, err := g.read(t.Context()); got != text || err != nil {
		t.Fatalf("client's read() = %.20q, %v, want %.20q", got, err, text)
	}
}

// echo sends back what comes until it cannot.
func echo(ctx context.Context, sock socket) error {
	for {
		text, err := sock.read(ctx)
		if err == nil {
			err = sock.write(ctx, text)
		}
		if err != nil {
			return err
		}
	}
}

// noise is a text of which compression takes away no more than half.
func noise(size int) string {
	b := make([]byte, size/2)
	rand.Read(b)
	return hex.EncodeToString(b)
}
