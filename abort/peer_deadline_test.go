package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

var longAgo = time.Unix(1, 0)

// soon is a deadline that the tests wait for; limit is one of the server's, see also
// link.limit.
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

// eachLink runs body, which waits for a clock, beside others.
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
