//go:build unix

package abort_test

import (
	"context"
	crypto "crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// opensStream is what an HTTP/2 client says that wants a response to GET / of any
// size: the preface, SETTINGS and WINDOW_UPDATE with the largest windows, HEADERS.
const opensStream = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
	"\x00\x00\x06\x04\x00\x00\x00\x00\x00" + "\x00\x04\x7f\xff\xff\xff" +
	"\x00\x00\x04\x08\x00\x00\x00\x00\x00" + "\x7f\xfe\x00\x00" +
	opensOne + "\x01" + getsIt + opensOne + "\x03" + getsIt + opensOne + "\x05" + getsIt

const (
	opensOne = "\x00\x00\x06\x01\x05\x00\x00\x00"
	getsIt   = "\x82\x86\x84\x41\x01x"
)

// The server closes while a frame is stuck, since the client reads nothing. net/http
// tells whoever writes no more than that the client is disconnected.
func TestN2_ServerClose_FrameIsStuck(t *testing.T) {
	t.Parallel()
	for _, l := range []link{overH2C, overH2S} {
		for _, m := range mounts {
			t.Run(l.name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				full, l := make(chan struct{}), l
				l.listener = &listenerAround{func(ln net.Listener) net.Listener { return &fullListener{ln, full} }}
				errs := make(chan error, 3)
				s := open(t, l, m, abort.Options{}, func(*site) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						var err error
						for text := strings.Repeat("x", 64<<10); err == nil; {
							_, err = io.WriteString(w, text)
						}
						waits(t, r.Context())
						errs <- errors.Join(err, context.Cause(r.Context()))
					}
				})
				if _, err := io.WriteString(s.silentH2(t), opensStream); err != nil {
					t.Fatal(err)
				}
				await(t, full, "socket that takes no more")
				if err := s.Config.Close(); err != nil {
					t.Errorf("Close() = %v, want nil", err)
				}
				for range 3 {
					err := await(t, errs, "end of the connection")
					if errors.Is(err, abort.ErrClientAborted) {
						t.Errorf("the handler met %v, want no abort", err)
					}
				}
				s.stays(t, 3)
			})
		}
	}
}

// fullListener closes full when the socket of one of its connections takes no more. The
// Write that has met this waits from then on, also if the kernel finds some more space.
type fullListener struct {
	net.Listener
	full chan struct{}
}

func (l *fullListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &fullConn{TCPConn: c.(*net.TCPConn), full: l.full, closed: make(chan struct{})}, nil
}

type fullConn struct {
	*net.TCPConn
	full, closed chan struct{}
	close        sync.Once
}

func (c *fullConn) Close() error {
	defer c.close.Do(func() { close(c.closed) })
	return c.TCPConn.Close()
}

func (c *fullConn) Write(p []byte) (n int, err error) {
	raw, err := c.SyscallConn()
	for n < len(p) && err == nil {
		var failed error
		err = raw.Write(func(fd uintptr) bool {
			var wrote int
			wrote, failed = syscall.Write(int(fd), p[n:])
			n += max(wrote, 0)
			return true
		})
		if failed == syscall.EAGAIN {
			close(c.full) // once: there is one connection, and it writes no more
			<-c.closed
			return n, net.ErrClosed
		} else if err == nil && failed != syscall.EINTR {
			err = failed
		}
	}
	return n, err
}

// silentH2 is a connection to s on which nobody reads.
func (s *site) silentH2(t *testing.T) net.Conn {
	t.Helper()
	var c net.Conn
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatalf("Dial() = %v, want a connection", err)
	}
	t.Cleanup(func() { c.Close() })
	if !s.link.secure {
		return c
	}
	tc := crypto.Client(c, &crypto.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) // it is the one above, of this moment
	if err := tc.HandshakeContext(t.Context()); err != nil {
		t.Fatalf("Handshake() = %v, want nil", err)
	}
	return tc
}
