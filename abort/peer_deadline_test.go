package abort_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

var longAgo = time.Unix(1, 0)

// soon is a deadline that the tests wait for; limit is one of the server's, within
// which a TLS handshake has to be done, too.
const (
	soon  = 60 * time.Millisecond
	limit = 500 * time.Millisecond
)

// deadlineSeen is what a handler found after a deadline had passed.
type deadlineSeen struct {
	err     error // On's, and what the deadline did
	ctx     error
	wrapped error // Wrap(os.ErrDeadlineExceeded)
}

func look(ctx context.Context, err error) deadlineSeen {
	return deadlineSeen{err, ctx.Err(), abort.Wrap(ctx, os.ErrDeadlineExceeded)}
}

func (d deadlineSeen) assert(t *testing.T, ctx error) {
	t.Helper()
	if d.err != nil || d.ctx != ctx || d.wrapped != os.ErrDeadlineExceeded {
		t.Errorf("handler: %v; Err() = %v, Wrap(%v) = %v, want no error, %v, Wrap's unchanged",
			d.err, d.ctx, os.ErrDeadlineExceeded, d.wrapped, ctx)
	}
}

func eachLink(t *testing.T, ls []link, body func(t *testing.T, l link, m mount)) {
	for _, l := range ls {
		for _, m := range mounts {
			t.Run(l.name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				body(t, l, m)
			})
		}
	}
}

// net/http takes the read deadline that a handler sets for the client's end
// (golang/go#70834). The client, which is there, gets its answer; when it leaves
// later on, that is noticed.
func TestN3_ReadDeadlineOfTheHandler(t *testing.T) {
	eachLink(t, []link{overTCP, overTLS}, func(t *testing.T, l link, m mount) {
		for _, a := range asks {
			for _, how := range []way{wayFIN, wayRST} {
				seenBy, found := make(chan deadlineSeen, 1), make(chan seen, 1)
				s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						ctx := r.Context()
						wait := a.arm(s, ctx)
						rc := http.NewResponseController(w)
						err := rc.SetReadDeadline(longAgo)
						waits(t, outer(ctx))
						seenBy <- look(ctx, err)
						e, ok := wait()
						found <- seen{e, ok}
					}
				})
				g := s.guest(t)
				get(t, g)
				await(t, seenBy, "deadline").assert(t, nil)
				how.do(g)
				got := await(t, found, "end of the client")
				left(t, got.e, got.ok, how)
				if o := s.outcome(t, a.calls); o.Status != a.status || o.Abort != got.e {
					t.Errorf("Outcome = %d, %v, want %d, %v", o.Status, o.Abort, a.status, got.e)
				}
			}
		}
	})
}

// deadlines plays a request of a client that stays.
func deadlines(t *testing.T, l link, m mount, h http.HandlerFunc, configure func(*http.Server)) (*site, *guest) {
	t.Helper()
	s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.register(r.Context()); err != nil {
				t.Errorf("On() = %v, want nil", err)
			}
			r.Context().Done()
			h(w, r)
		}
	}, configure)
	return s, s.guest(t)
}

func asItIs(*http.Server) {}

func TestN3_ReadDeadline_AnswerArrives(t *testing.T) {
	eachLink(t, links, func(t *testing.T, l link, m mount) {
		found := make(chan deadlineSeen, 1)
		s, g := deadlines(t, l, m, func(w http.ResponseWriter, r *http.Request) {
			err := http.NewResponseController(w).SetReadDeadline(longAgo)
			if !l.h2 {
				waits(t, outer(r.Context()))
			}
			found <- look(r.Context(), err)
			io.WriteString(w, "answer")
		}, asItIs)
		get(t, g)
		await(t, found, "deadline").assert(t, nil)
		g.ok(t, "answer")
		s.stays(t, 1)
	})
}

// The deadline ends a read of the body that waits.
func TestN3_ReadDeadline_Body(t *testing.T) {
	eachLink(t, links, func(t *testing.T, l link, m mount) {
		found := make(chan deadlineSeen, 1)
		s, g := deadlines(t, l, m, func(w http.ResponseWriter, r *http.Request) {
			err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(soon))
			if _, rerr := io.Copy(io.Discard, r.Body); !errors.Is(rerr, os.ErrDeadlineExceeded) || errors.Is(rerr, abort.ErrClientAborted) {
				err = errors.Join(err, errors.New("body ended with"), rerr)
			}
			found <- look(r.Context(), err)
		}, asItIs)
		g.beginBody(t)
		await(t, found, "deadline").assert(t, nil)
		s.stays(t, 1)
	})
}

// beginBody sends a request and some of its body.
func (g *guest) beginBody(t *testing.T) {
	if g.h2 == nil {
		g.write(t, post(5, 2))
		return
	}
	body, feed := io.Pipe()
	t.Cleanup(func() { feed.Close() })
	g.begin(t, "POST", "/", body)
	io.WriteString(feed, "he")
}

// The handler's write deadline: HTTP/1 fails a write, and that ends net/http's
// context; on HTTP/2 the server resets the stream, as a client would.
func TestN3_WriteDeadlineOfTheHandler(t *testing.T) {
	eachLink(t, links, func(t *testing.T, l link, m mount) {
		found := make(chan deadlineSeen, 1)
		s, g := deadlines(t, l, m, func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			err := rc.SetWriteDeadline(longAgo)
			if l.h2 {
				waits(t, r.Context())
			} else if _, werr := io.WriteString(w, "answer"); werr != nil || !errors.Is(rc.Flush(), os.ErrDeadlineExceeded) {
				err = errors.Join(err, errors.New("no deadline for a write"), werr)
			} else {
				waits(t, r.Context())
			}
			found <- look(r.Context(), err)
		}, asItIs)
		get(t, g)
		await(t, found, "deadline").assert(t, context.Canceled)
		s.stays(t, 1)
	})
}

// The server's ReadTimeout is for the request body alone: its reads fail.
func TestN3_ReadTimeout(t *testing.T) {
	eachLink(t, links, func(t *testing.T, l link, m mount) {
		found := make(chan deadlineSeen, 1)
		s, g := deadlines(t, l, m, bodyTimesOut(t, found), readLimit)
		g.beginBody(t)
		await(t, found, "timeout").assert(t, nil)
		g.ok(t, "answer")
		s.stays(t, 1)
	})
}

// readLimit leaves an idle connection, which ReadTimeout counts for too, alone.
func readLimit(srv *http.Server) { srv.ReadTimeout, srv.IdleTimeout = limit, time.Hour }

func bodyTimesOut(t *testing.T, found chan<- deadlineSeen) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		if errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, abort.ErrClientAborted) {
			err = nil
		}
		if r.ProtoMajor == 1 {
			waits(t, outer(r.Context())) // net/http cancels it for that
		}
		found <- look(r.Context(), err)
		io.WriteString(w, "answer")
	}
}

// The clock of the ReadTimeout starts before the request: with the connection,
// for its first request, and with the first byte for a later one.
func TestN3_ReadTimeout_SlowClient(t *testing.T) {
	for _, second := range []bool{false, true} {
		t.Run(fmt.Sprintf("second %t", second), func(t *testing.T) {
			eachLink(t, []link{overTCP, overTLS}, func(t *testing.T, l link, m mount) { slowClient(t, l, m, second) })
		})
	}
}

func slowClient(t *testing.T, l link, m mount, second bool) {
	found := make(chan deadlineSeen, 1)
	s, g := deadlines(t, l, m, bodyTimesOut(t, found), func(srv *http.Server) {
		srv.ReadTimeout, srv.IdleTimeout = 2*limit, time.Hour
	})
	request := post(5, 2)
	if second {
		g.write(t, "GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n")
		g.ok(t, "hello")
		g.write(t, request[:1])
		request = request[1:]
	}
	g.conn.SetReadDeadline(time.Now().Add(limit / 2))
	if n, err := g.conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("client's Read() = %d, %v, want its own deadline", n, err)
	}
	g.conn.SetReadDeadline(time.Time{})
	g.write(t, request)
	await(t, found, "timeout").assert(t, nil)
	g.ok(t, "answer")
	s.stays(t, 1)
}

// A Write that waits for a client which does not read ends by the deadline, the
// server's or the handler's, and so does a stream on HTTP/2 that nobody writes to.
func TestN3_WriteTimeout(t *testing.T) {
	for _, writes := range []bool{true, false} {
		for _, servers := range []bool{true, false} {
			t.Run(fmt.Sprintf("writes %t, server's %t", writes, servers), func(t *testing.T) {
				eachLink(t, links, func(t *testing.T, l link, m mount) {
					switch {
					case !writes && !l.h2:
						t.Skip("nothing happens on HTTP/1")
					case servers && l.secure:
						t.Skip("the handshake would count as well")
					}
					writeTimesOut(t, l, m, writes, servers)
				})
			})
		}
	}
}

func writeTimesOut(t *testing.T, l link, m mount, writes, servers bool) {
	text := strings.Repeat("x", 64<<10)
	found := make(chan deadlineSeen, 1)
	s, g := deadlines(t, l, m, func(w http.ResponseWriter, r *http.Request) {
		var err error
		if !servers {
			err = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(soon))
		}
		for writes && err == nil {
			_, err = io.WriteString(w, text)
		}
		if l.h2 {
			waits(t, r.Context())
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
		found <- look(r.Context(), map[bool]error{false: err}[l.h2])
	}, func(srv *http.Server) {
		if servers {
			srv.WriteTimeout = limit
		}
	})
	if !l.h2 { // there the Transport holds the body back
		g.tcp.SetReadBuffer(4096)
	}
	get(t, g)
	// Where a Write has failed, net/http closes the connection.
	await(t, found, "timeout").assert(t, context.Canceled)
	if st := s.stays(t, 1); st[0] != 200 {
		t.Errorf("Outcome.Status = %d, want 200", st[0])
	}
}

// IdleTimeout closes the connection between two requests, and never during one.
func TestN3_IdleTimeout(t *testing.T) {
	eachLink(t, links, func(t *testing.T, l link, m mount) {
		release := make(chan struct{}, 1)
		s, g := deadlines(t, l, m, func(w http.ResponseWriter, r *http.Request) {
			<-release
			io.WriteString(w, "answer")
		}, func(srv *http.Server) { srv.IdleTimeout = limit })
		get(t, g)
		longer := time.NewTimer(limit + soon)
		defer longer.Stop()
		<-longer.C
		release <- struct{}{}
		g.ok(t, "answer")
		if !l.h2 {
			if b, err := g.in.ReadByte(); err != io.EOF {
				t.Errorf("client's Read() = %d, %v, want EOF", b, err)
			}
			g.conn.Close()
		}
		await(t, g.told.ended, "end of the connection")
		s.stays(t, 1)
	})
}
