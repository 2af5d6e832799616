package thirdparty_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// pump reads all the time, so that pings are answered and pongs are seen.
func pump(ctx context.Context, sock socket) (<-chan string, <-chan error) {
	in, end := make(chan string, 2), make(chan error, 1)
	go func() {
		defer close(in)
		for {
			text, err := sock.read(ctx)
			if err != nil {
				end <- err
				return
			}
			in <- text
		}
	}()
	return in, end
}

// 1,000 compressed messages go to the handler and back, with pings both ways
// between them.
func TestTransparency_Echo(t *testing.T) {
	const messages, every = 1000, 50
	message := func(i int) string { return fmt.Sprint(i, strings.Repeat(" the same again", 16)) }
	each(t, func(t *testing.T, p place) {
		if p.secure != p.detach {
			t.Skip("the other half will do: under -race, compression takes its time")
		}
		s, found := p.play(t, func(s *site, r *http.Request, sock socket) result {
			in, end := pump(r.Context(), sock)
			n, errs := 0, []error(nil)
			for text := range in {
				if n++; n%every == 0 {
					errs = append(errs, sock.ping(r.Context()))
				}
				errs = append(errs, sock.write(r.Context(), text))
			}
			err := errors.Join(errs...)
			if err == nil {
				err = <-end
			}
			return result{err, abort.Wrap(r.Context(), err)}
		})
		g := s.guest(t)
		in, end := pump(t.Context(), g)
		size := int64(0)
		for i := range messages {
			text := message(i)
			size += int64(len(text))
			if err := g.write(t.Context(), text); err != nil {
				t.Fatalf("client's write() of message %d = %v, want nil", i, err)
			}
			if i%every == 0 {
				if err := g.ping(t.Context()); err != nil {
					t.Fatalf("client's ping() before message %d = %v, want nil", i, err)
				}
			}
			if got := testkit.Await(t, in, "echo"); got != text {
				t.Fatalf("echo of message %d = %.40q, want %.40q", i, got, text)
			}
		}
		if r, w := g.line.in.Load(), g.line.out.Load(); r > size/2 || w > size/2 {
			t.Errorf("%d bytes came and %d went on the wire, want less than half of %d", r, w, size)
		}
		rst.do(g)
		<-end
		if r := testkit.Await(t, found, "handler's error"); !errors.Is(r.wrapped, abort.ErrClientAborted) {
			t.Errorf("Wrap(%v) = %v, want ErrClientAborted", r.err, r.wrapped)
		}
		if o := s.outcome(t, 1); o.Abort == nil {
			t.Errorf("Outcome.Abort = nil, want one")
		}
	})
}

// witness keeps what a library gets from Hijack.
type witness struct {
	http.ResponseWriter
	got net.Conn
}

func (w *witness) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := w.ResponseWriter.(http.Hijacker).Hijack()
	w.got = c
	return c, rw, err
}

// The library has the connection that net/http has accepted, not one around it.
func TestTransparency_NetConn(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		got := make(chan net.Conn, 1)
		s := p.open(t, func(s *site, w http.ResponseWriter, r *http.Request) {
			seen := &witness{ResponseWriter: w}
			sock, err := p.accept(seen, r)
			if err == nil {
				defer sock.drop()
			}
			got <- seen.got
		})
		s.guest(t)
		accepted, c := testkit.Await(t, s.conns, "accepted connection"), testkit.Await(t, got, "hijacked connection")
		kind := map[bool]string{false: "*net.TCPConn", true: "*tls.Conn"}[p.secure]
		if c != accepted || fmt.Sprintf("%T", c) != kind {
			t.Errorf("%s has a %T, the accepted one: %t, want that %s", p.name, c, c == accepted, kind)
		}
		s.stayed(t)
	})
}
