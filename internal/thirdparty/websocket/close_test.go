package thirdparty_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// A client says goodbye with a close frame and waits for the server's close.
func TestN1_ClientClosesWithHandshake(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s, found := p.play(t, func(s *site, r *http.Request, sock socket) result {
			err := echo(r.Context(), sock)
			return result{err, abort.Wrap(r.Context(), err)}
		})
		for range departures {
			g := s.guest(t)
			g.echoed(t, "hello")
			if err := g.close(); err != nil {
				t.Errorf("client's close() = %v, want nil", err)
			}
			testkit.Await(t, found, "handler's error").same(t, "read after a close frame", p.closed)
			s.stayed(t)
		}
	})
}

// The server says goodbye and closes. What the client does then, even a reset
// while the handler still runs, is no abort.
func TestN6_ServerClosesWithHandshake(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		gone := make(chan struct{})
		s, found := p.play(t, func(s *site, r *http.Request, sock socket) result {
			err := sock.close()
			wait(s, gone)
			if err == nil {
				err = io.EOF
			}
			return result{err, abort.Wrap(r.Context(), err)}
		})
		for range departures {
			g := s.guest(t)
			if _, err := g.read(t.Context()); !p.closed(err) {
				t.Errorf("client's read() = %v, want status 1000", err)
			}
			g.drop() // waits for the server's close
			rst.do(g)
			gone <- struct{}{}
			testkit.Await(t, found, "handler's error").same(t, "close", func(err error) bool { return err == io.EOF })
			s.stayed(t)
		}
	})
}

// A client that closes its connection at once behind the close handshake may be
// told as one that left. A handler that exits before its close frame goes out
// has ended the request itself.
func TestN6_ExitBeforeTheGoodbye(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		s, found := p.play(t, func(s *site, r *http.Request, sock socket) result {
			err := errors.Join(exitcode.Exit(r.Context(), 200), sock.close())
			if err == nil {
				err = io.EOF
			}
			return result{err, abort.Wrap(r.Context(), err)}
		})
		for range departures {
			g := s.guest(t)
			g.hasty()
			if _, err := g.read(t.Context()); !p.closed(err) {
				t.Errorf("client's read() = %v, want status 1000", err)
			}
			g.drop()
			testkit.Await(t, found, "handler's error").same(t, "Exit, close", func(err error) bool { return err == io.EOF })
			s.stayed(t)
		}
	})
}

// The same where the library lets a handler know of the client's close frame
// before it is answered.
func TestN6_ExitInTheCloseHandler(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		if p.hasty {
			t.Skip(p.name + " has no such hook")
		}
		s, found := p.play(t, func(s *site, r *http.Request, sock socket) result {
			var exit error
			sock.(interface{ onClose(func()) }).onClose(func() { exit = exitcode.Exit(r.Context(), 200) })
			err := echo(r.Context(), sock)
			if exit != nil {
				err = exit
			}
			return result{err, abort.Wrap(r.Context(), err)}
		})
		for range departures {
			g := s.guest(t)
			g.hasty()
			g.echoed(t, "hello")
			if err := g.close(); err != nil {
				t.Errorf("client's close() = %v, want nil", err)
			}
			testkit.Await(t, found, "handler's error").same(t, "read after a close frame", p.closed)
			s.stayed(t)
		}
	})
}

// The close frame is a message to lastbyte, as any other: a client that closes
// its connection behind it, while the handler holds the other end, has gone.
// Where the library has closed that end the close is ours.
func TestA7_CloseFrameThenFIN(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		answered, gone := make(chan struct{}), make(chan struct{})
		found, failed := make(chan vanished, 1), make(chan error, 1)
		s := p.open(t, with(found, failed, func(s *site, r *http.Request, sock socket, called <-chan *abort.Error) vanished {
			v := vanished{err: echo(r.Context(), sock)}
			answered <- struct{}{}
			wait(s, gone)
			if !p.hasty {
				// The client may have answered the answer, and a FIN is told once that
				// has been read, see A16.
				for err := error(nil); err == nil; {
					_, err = sock.read(r.Context())
				}
				v.told = wait(s, called)
			}
			v.wrapped = abort.Wrap(r.Context(), v.err)
			return v
		}))
		for i := range int32(departures) {
			g := s.guest(t)
			g.echoed(t, "hello")
			closing := make(chan error, 1)
			go func() { closing <- g.close() }()
			testkit.Await(t, answered, "close frame")
			g.line.CloseWrite() // the answer to the frame may be unread: a close would be a reset
			gone <- struct{}{}
			v := testkit.Await(t, found, "handler's error")
			if !p.closed(v.err) || !p.closed(v.wrapped) {
				t.Errorf("read() = %v, wrapped %v, want status 1000", v.err, v.wrapped)
			}
			if p.hasty {
				result{v.err, v.wrapped}.same(t, "read after a close frame", p.closed)
				s.stayed(t)
			} else {
				s.left(t, v, fin, i+1)
			}
			<-closing // its own FIN may have come too late
		}
		if len(failed) > 0 {
			t.Errorf("On, accept = %v, want nil", <-failed)
		}
	})
}
