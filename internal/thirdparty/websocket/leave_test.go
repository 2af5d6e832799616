package thirdparty_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// way is how a client vanishes, without a close frame.
type way struct {
	name   string
	do     func(*guest)
	reason abort.Reason
}

var (
	fin    = way{"FIN", func(g *guest) { g.line.TCPConn.Close() }, abort.Closed} // TLS: no close_notify
	rst    = way{"RST", func(g *guest) { g.line.SetLinger(0); g.line.TCPConn.Close() }, abort.Reset}
	notify = way{"close_notify and FIN", func(g *guest) {
		g.conn.(*tls.Conn).CloseWrite()
		g.line.TCPConn.Close()
	}, abort.Closed}
)

// ways are those of p's connections.
func (p place) ways() []way {
	if p.secure {
		return []way{fin, rst, notify}
	}
	return []way{fin, rst}
}

// departures is how many clients leave one after the other in a test.
const departures = 4

// vanished is what a handler has found out about its client.
type vanished struct {
	err, wrapped error        // the library's, and what Wrap makes of it
	told         *abort.Error // to the callback
}

// left asserts that v is the end of a client that left by how, and the
// Outcome's, too.
func (s *site) left(t *testing.T, v vanished, how way, calls int32) {
	t.Helper()
	if v.err == nil || !errors.Is(v.wrapped, abort.ErrClientAborted) || !errors.Is(v.wrapped, v.err) {
		t.Errorf("after %s: Wrap(%v) = %v, want both the error and ErrClientAborted", how.name, v.err, v.wrapped)
	}
	e, ok := errors.AsType[*abort.Error](v.wrapped)
	if !ok || e.Reason != how.reason || v.told != e {
		t.Errorf("after %s: Wrap(%v) has %v, the callback %v, want one abort with reason %q", how.name, v.err, e, v.told, how.reason)
	}
	if o := s.outcome(t, calls); o.Abort != e {
		t.Errorf("after %s: Outcome.Abort = %v, want %v", how.name, o.Abort, e)
	}
}

// vanish has clients leave by every way: h is the handler, leave what the
// client does once it has its first message back.
func vanish(t *testing.T, h func(s *site, r *http.Request, sock socket, called <-chan *abort.Error) vanished, ways func(place) []way, leave func(t *testing.T, g *guest, how way, s *site)) {
	t.Helper()
	each(t, func(t *testing.T, p place) {
		found, failed := make(chan vanished, 1), make(chan error, 1)
		s := p.open(t, with(found, failed, func(s *site, r *http.Request, sock socket, called <-chan *abort.Error) vanished {
			text, err := sock.read(r.Context())
			if err == nil {
				err = sock.write(r.Context(), text)
			}
			if err != nil {
				return vanished{err: err}
			}
			return h(s, r, sock, called)
		}))
		calls := int32(0)
		for _, how := range ways(p) {
			for range departures {
				g := s.guest(t)
				g.echoed(t, "hello")
				leave(t, g, how, s)
				calls++
				s.left(t, testkit.Await(t, found, "end of the client"), how, calls)
				g.drop()
			}
		}
		if len(failed) > 0 {
			t.Errorf("accept = %v, want nil", <-failed)
		}
	})
}

func atOnce(_ *testing.T, g *guest, how way, _ *site) { how.do(g) }

// The handler reads in a loop.
func TestA7_HandlerReads(t *testing.T) {
	vanish(t, func(s *site, r *http.Request, sock socket, called <-chan *abort.Error) vanished {
		err := echo(r.Context(), sock)
		told := wait(s, called)
		return vanished{err, abort.Wrap(r.Context(), err), told}
	}, place.ways, atOnce)
}

// The handler asks as soon as its read has failed, and closes then.
func asksAtOnce(s *site, r *http.Request, sock socket, called <-chan *abort.Error) vanished {
	err := echo(r.Context(), sock)
	v := vanished{err: err, wrapped: abort.Wrap(r.Context(), err)}
	sock.drop()
	if errors.Is(v.wrapped, abort.ErrClientAborted) { // else the callback need not come
		v.told = wait(s, called)
	}
	return v
}

func TestA7b_WrapBeforeTheClose(t *testing.T) {
	vanish(t, asksAtOnce, func(place) []way { return []way{fin, rst} }, atOnce)
}

// Over TLS a read ends with the close_notify, before the FIN is there.
func TestA7b_CloseNotify(t *testing.T) {
	vanish(t, asksAtOnce, func(p place) []way {
		if !p.secure {
			return nil
		}
		return []way{notify}
	}, atOnce)
}

// The handler writes and writes; nobody reads. After a FIN its writes fail only
// once the client has closed its other side as well: the callback comes first.
func TestA7_HandlerWrites(t *testing.T) {
	half := way{"FIN, RST after the callback", func(g *guest) { g.line.CloseWrite() }, abort.Closed}
	text := noise(1 << 14)
	vanish(t, func(s *site, r *http.Request, sock socket, called <-chan *abort.Error) vanished {
		var v vanished
		for v.err == nil {
			v.err = sock.write(r.Context(), text)
		}
		v.wrapped = abort.Wrap(r.Context(), v.err)
		v.told = wait(s, called)
		return v
	}, func(place) []way { return []way{half, rst} }, func(t *testing.T, g *guest, how way, s *site) {
		how.do(g)
		testkit.Await(t, s.noticed, "callback")
		rst.do(g)
	})
}

// The handler holds the connection and is busy with something else: the
// callback tells, and from then on any error of its work is the client's doing.
func TestA7_HandlerBusy(t *testing.T) {
	vanish(t, func(s *site, r *http.Request, _ socket, called <-chan *abort.Error) vanished {
		told := wait(s, called)
		err := errors.New("work given up")
		return vanished{err, abort.Wrap(r.Context(), err), told}
	}, place.ways, atOnce)
}

// A message that nobody has read hides a FIN until it is read (A16), and a reset
// not at all.
func TestA7_HandlerBusy_MessageUnread(t *testing.T) {
	const message = "last words"
	vanish(t, func(s *site, r *http.Request, sock socket, called <-chan *abort.Error) vanished {
		var told *abort.Error
		select {
		case told = <-called:
		case <-s.mayRead:
			if text, err := sock.read(r.Context()); err != nil || text != message {
				return vanished{err: fmt.Errorf("read() = %q, %v, want %q", text, err, message)}
			}
			told = wait(s, called)
		case <-s.over:
		}
		err := errors.New("work given up")
		return vanished{err, abort.Wrap(r.Context(), err), told}
	}, place.ways, func(t *testing.T, g *guest, how way, s *site) {
		if err := g.write(t.Context(), message); err != nil {
			t.Errorf("client's write() = %v, want nil", err)
		}
		how.do(g)
		if how.reason == abort.Closed {
			s.mayRead <- struct{}{}
		}
	})
}

// A deadline of the handler's that has passed, by which net/http cancels its
// context for some, does not hide the end.
func TestA7_AfterADeadline(t *testing.T) {
	vanish(t, func(s *site, r *http.Request, sock socket, called <-chan *abort.Error) vanished {
		ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
		defer cancel()
		_, late := sock.read(ctx)
		if e := abort.Wrap(r.Context(), late); e != late || !timedOut(late) {
			return vanished{err: e}
		}
		err := sock.write(r.Context(), "anyone there?")
		told := wait(s, called)
		if err == nil {
			err = errors.New("work given up")
		}
		return vanished{err, abort.Wrap(r.Context(), err), told}
	}, func(p place) []way {
		if p.hasty {
			return nil // it has closed the connection by then
		}
		return p.ways()
	}, func(t *testing.T, g *guest, how way, _ *site) {
		if _, err := g.read(t.Context()); err != nil {
			t.Errorf("client's read() = %v, want a message", err)
		}
		how.do(g)
	})
}

// Without a callback the handler's context ends; coder's library then closes
// the connection by itself, and may say so instead of the end it has read.
func TestC1_HandlerReads(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		found, failed := make(chan vanished, 1), make(chan error, 1)
		s := p.open(t, func(s *site, w http.ResponseWriter, r *http.Request) {
			sock, err := p.accept(w, r)
			if err != nil {
				failed <- err
				return
			}
			defer sock.drop()
			err = echo(r.Context(), sock)
			select {
			case <-r.Context().Done():
			case <-s.over:
			}
			told, _ := errors.AsType[*abort.Error](context.Cause(r.Context()))
			found <- vanished{err, abort.Wrap(r.Context(), err), told}
		})
		for _, how := range p.ways() {
			for range departures {
				g := s.guest(t)
				g.echoed(t, "hello")
				how.do(g)
				s.left(t, testkit.Await(t, found, "end of the client"), how, 0)
				g.drop()
			}
		}
		if len(failed) > 0 {
			t.Errorf("accept = %v, want nil", <-failed)
		}
	})
}
