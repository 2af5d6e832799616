package abort_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// readerEnds plays a hijacked connection whose handler reads by way of Hijack's
// reader, which is net/http's own and ends its context with any error. read returns
// with that error; nobody has left by then, so the request's context lives on until
// the client's FIN.
func readerEnds(t *testing.T, links []link, notify func(*guest), read func(net.Conn, *bufio.ReadWriter) error) {
	for _, l := range links {
		for _, m := range mounts {
			t.Run(l.name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				met, causes := make(chan error, 1), make(chan error, 1)
				s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						ended := r.Context().Done() // from here on the context is followed
						c, rw, err := http.NewResponseController(w).Hijack()
						if err == nil {
							defer c.Close()
							_, err = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
						}
						if err == nil && read(c, rw) == nil {
							err = errors.New("read() = nil")
						}
						select {
						case <-ended:
							err = errors.Join(err, context.Cause(r.Context()))
						case <-time.After(100 * time.Millisecond):
						}
						met <- err
						select {
						case <-ended:
						case <-s.over:
						}
						causes <- context.Cause(r.Context())
					}
				})
				g := s.guest(t)
				g.upgrade(t)
				notify(g)
				if err := await(t, met, "end of the reader"); err != nil {
					t.Errorf("the client is there, and the context ended: %v", err)
				}
				g.tcp.CloseWrite()
				if e, ok := errors.AsType[*abort.Error](await(t, causes, "end of the context")); !ok || e.Reason != abort.Closed {
					t.Errorf("cause after the FIN = %v, %t, want an abort, %q", e, ok, abort.Closed)
				}
			})
		}
	}
}

// A TLS client's close_notify comes ahead of its FIN, and Hijack's reader meets it.
func TestA7_CloseNotifyBeforeTheFIN(t *testing.T) {
	readerEnds(t, []link{overTLS}, wayNotify.do, func(_ net.Conn, rw *bufio.ReadWriter) error {
		_, err := rw.ReadByte()
		return err
	})
}

// A deadline of the connection, which lastbyte does not see, ends net/http's context
// by way of Hijack's reader.
func TestN3_DeadlineOfHijacksReader(t *testing.T) {
	readerEnds(t, []link{overTCP, overTLS}, func(*guest) {}, func(c net.Conn, rw *bufio.ReadWriter) error {
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := rw.ReadByte()
		return err
	})
}
