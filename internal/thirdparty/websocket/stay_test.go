package thirdparty_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// result is what a handler's work came to, and what Wrap makes of it.
type result struct{ err, wrapped error }

// same asserts that Wrap left the error as it was, and that it is one that want
// knows.
func (r result) same(t *testing.T, what string, want func(error) bool) {
	t.Helper()
	if r.err == nil || !want(r.err) || r.wrapped != r.err || errors.Is(r.wrapped, abort.ErrClientAborted) {
		t.Errorf("%s: err = %v, Wrap(err) = %v, want the library's own error, unchanged", what, r.err, r.wrapped)
	}
}

// play starts a server whose handler is h.
func (p place) play(t *testing.T, h func(s *site, r *http.Request, sock socket) result) (*site, <-chan result) {
	t.Helper()
	found, failed := make(chan result, 1), make(chan error, 8)
	s := p.open(t, with(found, failed, func(s *site, r *http.Request, sock socket, _ <-chan *abort.Error) result {
		return h(s, r, sock)
	}))
	t.Cleanup(func() {
		if len(failed) > 0 {
			t.Errorf("On, accept = %v, want nil", <-failed)
		}
	})
	return s, found
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// A deadline of the handler's own passes while its client is there. The
// connection stays usable where the library does not close it then.
func TestN3_ReadDeadline(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		later := make(chan error, 1)
		s, found := p.play(t, func(s *site, r *http.Request, sock socket) result {
			ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
			defer cancel()
			_, err := sock.read(ctx)
			res := result{err, abort.Wrap(r.Context(), err)}
			later <- sock.write(r.Context(), "still here")
			return res
		})
		g := s.guest(t)
		got, err := g.read(t.Context())
		testkit.Await(t, found, "handler's error").same(t, "read", timedOut)
		werr := testkit.Await(t, later, "handler's write")
		open := got == "still here" && err == nil && werr == nil
		shut := p.hasty && errors.Is(err, io.EOF) && errors.Is(werr, net.ErrClosed)
		if !open && !shut { // coder's library does not close if the deadline has passed before the read
			t.Errorf("after the deadline: client's read() = %q, %v, handler's write() = %v, want a message", got, err, werr)
		}
		s.stayed(t)
	})
}

// A write's deadline passes because the client does not read.
func TestN3_WriteDeadline(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		text := noise(1 << 16)
		s, found := p.play(t, func(s *site, r *http.Request, sock socket) result {
			for {
				ctx, cancel := context.WithTimeout(r.Context(), 20*time.Millisecond)
				err := sock.write(ctx, text)
				cancel()
				if err != nil {
					return result{err, abort.Wrap(r.Context(), err)}
				}
			}
		})
		g := s.guest(t)
		testkit.Await(t, found, "handler's error").same(t, "write", func(err error) bool {
			return timedOut(err) || p.hasty && errors.Is(err, net.ErrClosed)
		})
		io.Copy(io.Discard, g.line.TCPConn) // or the server's close_notify has to wait
		s.stayed(t)
	})
}

// http.Server's Close and Shutdown leave hijacked connections alone.
func TestN2_ServerCloses(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s, found := p.play(t, func(s *site, r *http.Request, sock socket) result {
			err := echo(r.Context(), sock)
			return result{err, abort.Wrap(r.Context(), err)}
		})
		g := s.guest(t)
		g.echoed(t, "hello")
		if err := errors.Join(s.Config.Shutdown(t.Context()), s.Config.Close()); err != nil {
			t.Errorf("Shutdown(), Close() = %v, want nil", err)
		}
		g.echoed(t, "hello again")
		if err := g.close(); err != nil {
			t.Errorf("client's close() = %v, want nil", err)
		}
		testkit.Await(t, found, "handler's error").same(t, "read after a close frame", p.closed)
		s.stayed(t)
	})
}
