package abort_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// unread is a request of which the handler reads nothing.
type unread struct {
	name            string
	length, brought int
}

// A FIN comes behind the bytes before it. So what is large here still fits into
// the sockets' buffers; TestA4_BehindAFullWindow is for what does not.
var bodies = []unread{
	{"small, whole", 5, 5},
	{"small, part", 5, 2},
	{"small, none", 5, 0},
	{"large, whole", 40 << 10, 40 << 10},
	{"large, part", 200 << 10, 40 << 10},
}

func TestA4_BodyUnread(t *testing.T) {
	for _, w := range []link{overTCP, overTLS} {
		ways := []way{wayFIN, wayClose, wayRST}
		if w.secure {
			ways = []way{wayTLS, wayRST}
		}
		for _, how := range ways {
			for _, b := range bodies {
				t.Run(w.name+" "+how.name+" "+b.name, func(t *testing.T) {
					departs(t, w, how, func(t *testing.T, g *guest) { g.write(t, post(b.length, b.brought)) })
				})
			}
		}
	}
}

// On HTTP/2 flow control holds a body back, and the stream is its own witness.
func TestA4_BodyUnread_HTTP2(t *testing.T) {
	for _, w := range []link{overH2C, overH2S} {
		for _, how := range []way{wayStream, wayFIN.either(), wayRST.either()} {
			for name, text := range map[string]string{"whole": "hello", "large": strings.Repeat("x", 1<<20)} {
				t.Run(w.name+" "+how.name+" "+name, func(t *testing.T) {
					departs(t, w, how, func(t *testing.T, g *guest) { g.begin(t, "POST", "/", strings.NewReader(text)) })
				})
			}
			t.Run(w.name+" "+how.name+" part", func(t *testing.T) {
				departs(t, w, how, func(t *testing.T, g *guest) {
					body, feed := io.Pipe()
					g.begin(t, "POST", "/", body)
					io.WriteString(feed, "he") // the rest never comes; the client closes body
				})
			})
		}
	}
}

// A body that nobody reads, larger than all buffers, holds the client's FIN
// back: only a reset gets past it. Once the handler reads on, the FIN arrives.
func TestA4_BehindAFullWindow(t *testing.T) {
	t.Run("RST", func(t *testing.T) { departs(t, overTCP, wayRST, fillWindow) })
	t.Run("FIN", func(t *testing.T) {
		t.Parallel()
		left, read := make(chan struct{}), make(chan error, 1)
		s := open(t, overTCP, mounts[0], abort.Options{}, func(s *site) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) {
				called, err := s.register(r.Context())
				<-left
				_, rerr := io.Copy(io.Discard, r.Body)
				read <- errors.Join(err, rerr)
				s.called(called)
			}
		})
		g := s.guest(t)
		fillWindow(t, g)
		g.tcp.Close()
		close(left)
		if err := await(t, read, "end of the body"); !errors.Is(err, abort.ErrClientAborted) {
			t.Errorf("Copy(Body) = %v, want %v", err, abort.ErrClientAborted)
		}
		if o := s.outcome(t, 1); o.Abort == nil {
			t.Error("Outcome has no abort, want one")
		}
	})
}

// fillWindow sends as much of an endless body as the sockets take.
func fillWindow(t *testing.T, g *guest) {
	g.write(t, post(math.MaxInt32, 0))
	raw, err := g.tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	some := make([]byte, 64<<10)
	var werr error
	for werr == nil {
		err := raw.Write(func(fd uintptr) bool {
			_, werr = writeNow(fd, some)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// net/http takes what comes together with a request into its buffer and goes on
// listening; it is blind once a byte comes later.
func TestA5_Pipelined(t *testing.T) {
	const (
		request = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
		next    = "GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n"
	)
	many := strings.Repeat(next, 500) // more than the buffer takes
	for _, l := range []link{overTCP, overTLS} {
		for _, tt := range []struct{ name, request, behind string }{
			{"one byte, later", request, "G"},
			{"a whole request, later", request, next},
			{"many of them, later", request, many},
			{"behind a body, later", post(5, 5), next},
			{"one byte, at once", request + "G", ""},
			{"a whole request, at once", request + next, ""},
			{"many of them, at once", request + many, ""},
		} {
			for _, how := range []way{wayClose, wayFIN, wayRST} {
				if l.secure && how.name == wayClose.name {
					how = wayTLS
				}
				t.Run(l.name+" "+how.name+" "+tt.name, func(t *testing.T) {
					departsBehind(t, l, how, func(t *testing.T, g *guest) { g.write(t, tt.request) }, tt.behind, asks...)
				})
			}
		}
	}
}

// Cause and Wrap look for themselves: nobody waits for the context, nobody has
// registered.
func TestCause_LooksAtTheSocket(t *testing.T) {
	for _, tt := range []struct {
		name, request, behind string
	}{
		{"A1 nothing unread", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", ""},
		{"A4 body unread", post(5, 5), ""},
		{"A5 one byte", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "G"},
	} {
		for _, how := range []way{wayFIN, wayRST} {
			t.Run(tt.name+" "+how.name, func(t *testing.T) {
				t.Parallel()
				begun, results := make(chan error, 1), make(chan error, 1)
				gone := make(chan struct{})
				s := open(t, overTCP, mounts[0], abort.Options{}, func(*site) http.HandlerFunc {
					return func(_ http.ResponseWriter, r *http.Request) {
						begun <- abort.Wrap(r.Context(), io.EOF)
						<-gone
						err := abort.Wrap(r.Context(), io.EOF)
						for err == io.EOF && t.Context().Err() == nil {
							runtime.Gosched() // the kernel delivers it within microseconds
							err = abort.Wrap(r.Context(), io.EOF)
						}
						results <- err
					}
				})
				g := s.guest(t)
				g.write(t, tt.request)
				if err := await(t, begun, "request"); err != io.EOF {
					t.Errorf("Wrap(EOF) with the client there = %v, want EOF unchanged", err)
				}
				g.write(t, tt.behind)
				how.do(g)
				close(gone)
				err := await(t, results, "Wrap")
				e, ok := errors.AsType[*abort.Error](err)
				left(t, e, ok && errors.Is(err, io.EOF), how)
				if o := s.outcome(t, 0); o.Abort != e {
					t.Errorf("Outcome.Abort = %v, want %v", o.Abort, e)
				}
			})
		}
	}
}

// What is shielded outlives the abort, seen at the socket as anywhere.
func TestShield_AbortAtTheSocket(t *testing.T) {
	t.Parallel()
	begun, errs := make(chan struct{}), make(chan error, 2)
	s := open(t, overTCP, mounts[0], abort.Options{}, func(s *site) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			shield := abort.Shield(r.Context())
			close(begun)
			waits(t, r.Context())
			errs <- shield.Err()
			errs <- abort.Wrap(shield, context.Canceled)
		}
	})
	g := s.guest(t)
	g.write(t, post(5, 2))
	await(t, begun, "request")
	wayRST.do(g)
	if err := await(t, errs, "Err of the shield"); err != nil {
		t.Errorf("Err() of the shield = %v, want nil", err)
	}
	if err := await(t, errs, "Wrap"); !errors.Is(err, abort.ErrClientAborted) || !errors.Is(err, context.Canceled) {
		t.Errorf("Wrap(Canceled) = %v, want both it and %v", err, abort.ErrClientAborted)
	}
	s.outcome(t, 0)
}
