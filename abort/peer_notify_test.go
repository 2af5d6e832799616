//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package abort_test

import (
	"context"
	crypto "crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// late is a connection's context. Package context asks for its Done as the last
// thing that net/http's cancel does, after the contexts below have ended and
// before net/http tells CloseNotify.
type late struct {
	context.Context
	armed  atomic.Bool
	looked chan struct{}
	over   <-chan struct{}
}

func (l *late) Done() <-chan struct{} {
	if l.armed.CompareAndSwap(true, false) {
		select {
		case <-l.looked:
			<-time.After(time.Millisecond) // and the look is under way
		case <-l.over:
		}
	}
	return l.Context.Done()
}

type lateKey struct{}

func (l *late) Value(key any) any {
	if key == (lateKey{}) {
		return l
	}
	return l.Context.Value(key)
}

// net/http ends its context first, and says after that, to CloseNotify, that it
// was its reader that met an end. With a close_notify alone nothing else does.
func TestA3_CloseNotifyJustAfterTheContext(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			ready, ended := make(chan struct{}), make(chan error, 1)
			s := open(t, overTLS, m, abort.Options{}, func(s *site) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					called, _ := s.register(ctx)
					l := ctx.Value(lateKey{}).(*late)
					l.armed.Store(true)
					close(ready)
					waits(t, outer(ctx))
					close(l.looked)
					if _, ok := abort.Cause(ctx); ok {
						s.called(called)
					}
					ended <- ctx.Err()
				}
			}, func(srv *http.Server) {
				srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
					return &late{Context: abort.ConnContext(ctx, c), looked: make(chan struct{}), over: t.Context().Done()}
				}
			})
			g := s.guest(t)
			g.begin(t, "GET", "/", nil)
			await(t, ready, "handler")
			wayNotify.do(g)
			if err := await(t, ended, "handler's end"); err != nil {
				t.Errorf("after close_notify: the handler's Err() = %v, want nil", err)
			}
			o := s.outcome(t, 1)
			left(t, o.Abort, o.Abort != nil, wayNotify)
		})
	}
}

// corked keeps what is written, so that all of it leaves in one packet.
type corked struct {
	net.Conn
	keep bool
	kept []byte
}

func (c *corked) Write(p []byte) (int, error) {
	if !c.keep {
		return c.Conn.Write(p)
	}
	c.kept = append(c.kept, p...)
	return len(p), nil
}

// SetWriteDeadline is called by CloseWrite, which wants no write behind it.
func (c *corked) SetWriteDeadline(time.Time) error { return nil }

// A request and a close_notify come together: net/http's context has ended before
// the handler begins. The FIN comes later.
func TestA3_CloseNotifyWithTheRequest(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", post(5, 2)} {
		for _, m := range mounts {
			t.Run(text[:4]+m.name, func(t *testing.T) {
				begun := make(chan error, 1)
				s := open(t, overTLS, m, abort.Options{}, func(s *site) http.HandlerFunc {
					return func(_ http.ResponseWriter, r *http.Request) {
						called, err := s.register(r.Context())
						if outer(r.Context()).Err() == nil {
							err = errors.New("the close_notify came late")
						}
						begun <- errors.Join(err, r.Context().Err())
						s.called(called)
						begun <- r.Context().Err()
					}
				})
				tcp, err := net.Dial("tcp", s.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer tcp.Close()
				c := &corked{Conn: tcp}
				over := crypto.Client(c, &crypto.Config{InsecureSkipVerify: true, MaxVersion: crypto.VersionTLS12}) // Read gives n and EOF at once
				if err := over.HandshakeContext(t.Context()); err != nil {
					t.Fatalf("Handshake() = %v, want nil", err)
				}
				c.keep = true
				_, werr := io.WriteString(over, text)
				if err := errors.Join(werr, over.CloseWrite()); err != nil {
					t.Fatalf("Write(), CloseWrite() = %v, want nil", err)
				}
				if _, err := tcp.Write(c.kept); err != nil {
					t.Fatalf("Write() = %v, want nil", err)
				}
				if err := await(t, begun, "request"); err != nil {
					t.Errorf("On(), Err() = %v, want nil", err)
				}
				tcp.(*net.TCPConn).CloseWrite()
				if err := await(t, begun, "callback"); err != nil {
					t.Errorf("after the callback: Err() = %v, want nil", err)
				}
				o := s.outcome(t, 1)
				left(t, o.Abort, o.Abort != nil, wayTLS)
			})
		}
	}
}
