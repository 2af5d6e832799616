package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

var ignoreHalf = abort.Options{IgnoreHalfClose: true}

// halfWays are the ways to shut down the client's sending side. On TLS that is a
// close_notify, and then a FIN or not.
var halfWays = map[link][]way{
	overTCP: {wayFIN},
	overTLS: {wayFIN, wayNotify, {"close_notify, then FIN", func(g *guest) {
		wayNotify.do(g)
		wayFIN.do(g)
	}, abort.Closed, ""}},
}

func eachHalf(t *testing.T, body func(t *testing.T, l link, m mount, how way)) {
	for l, ways := range halfWays {
		for _, how := range ways {
			for _, m := range mounts {
				t.Run(l.name+" "+how.name+" "+m.name, func(t *testing.T) {
					t.Parallel()
					body(t, l, m, how)
				})
			}
		}
	}
}

// By default it is an abort; A2 and A3 have the callback, this has the answer:
// what the handler says after it ignored the callback still arrives.
func TestA11_HalfCloseIsAnAbort(t *testing.T) {
	eachHalf(t, func(t *testing.T, l link, m mount, how way) {
		found := make(chan seen, 1)
		s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				called, err := s.register(r.Context())
				e := s.called(called)
				io.WriteString(w, "all the same")
				found <- seen{e, err == nil}
			}
		})
		g := s.guest(t)
		get(t, g)
		how.do(g)
		got := await(t, found, "callback")
		left(t, got.e, got.ok, how)
		g.ok(t, "all the same")
		if o := s.outcome(t, 1); o.Abort != got.e || o.Status != 200 {
			t.Errorf("Outcome = %d, %v, want 200, %v", o.Status, o.Abort, got.e)
		}
	})
}

// With IgnoreHalfClose the client gets its full answer, however large.
func TestA11_IgnoreHalfClose(t *testing.T) {
	text := strings.Repeat("the full answer", 20_000)
	eachHalf(t, func(t *testing.T, l link, m mount, how way) {
		errs := make(chan error, 1)
		s := open(t, l, m, ignoreHalf, func(s *site) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				ctx := r.Context()
				_, err := s.register(ctx)
				ctx.Done() // so that the context watches as well
				waits(t, outer(ctx))
				_, gone := abort.Cause(ctx)
				if wrapped := abort.Wrap(ctx, io.EOF); gone || wrapped != io.EOF {
					err = errors.Join(err, wrapped)
				}
				_, werr := io.WriteString(w, text)
				errs <- errors.Join(err, werr, ctx.Err())
			}
		})
		g := s.guest(t)
		get(t, g)
		how.do(g)
		g.ok(t, text)
		if err := await(t, errs, "the handler's errors"); err != nil {
			t.Errorf("On, Cause, Wrap, Write, Err = %v, want none: the client is there", err)
		}
		if o := s.outcome(t, 0); o.Abort != nil || o.Status != 200 || o.Bytes != int64(len(text)) {
			t.Errorf("Outcome = %d, %v, %d bytes, want 200, no abort, %d bytes", o.Status, o.Abort, o.Bytes, len(text))
		}
	})
}

// The body unread, so that net/http notices nothing and the socket alone does.
func TestA11_IgnoreHalfClose_BodyUnread(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			errs := make(chan error, 1)
			s := open(t, overTCP, m, ignoreHalf, func(s *site) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					called, err := s.register(r.Context())
					io.WriteString(w, "answer")
					errs <- errors.Join(err, http.NewResponseController(w).Flush())
					s.called(called)
				}
			})
			g := s.guest(t)
			g.write(t, post(5, 2))
			wayFIN.do(g)
			if err := await(t, errs, "answer"); err != nil {
				t.Errorf("On(), Flush() = %v, want nil", err)
			}
			res, err := g.head(t)
			if err != nil {
				t.Fatalf("ReadResponse() = %v, want one", err)
			}
			some := make([]byte, 6)
			if _, err := io.ReadFull(res.Body, some); err != nil || string(some) != "answer" {
				t.Errorf("body = %q, %v, want answer", some, err)
			}
			wayRST.do(g) // now it has really left
			o := s.outcome(t, 1)
			left(t, o.Abort, o.Abort != nil, wayRST)
		})
	}
}

// A reset after the half-close is found, by context and callback, also if
// net/http's own reader has stopped with the FIN.
func TestA11_LaterReset(t *testing.T) {
	for _, a := range asks {
		eachHalf(t, func(t *testing.T, l link, m mount, how way) {
			halfway, found := make(chan struct{}), make(chan seen, 1)
			s := open(t, l, m, ignoreHalf, func(s *site) http.HandlerFunc {
				return func(_ http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					go func() { waits(t, outer(ctx)); close(halfway) }()
					e, ok := a.wait(s, ctx)
					found <- seen{e, ok}
				}
			})
			g := s.guest(t)
			get(t, g)
			how.do(g)
			await(t, halfway, "net/http's notice of the half-close")
			select {
			case got := <-found:
				t.Errorf("after %s: %v, want nothing", how.name, got.e)
			default:
			}
			wayRST.do(g)
			got := await(t, found, "end of the client")
			left(t, got.e, got.ok, wayRST)
			if o := s.outcome(t, a.calls); o.Status != a.status || o.Abort != got.e {
				t.Errorf("Outcome = %d, %v, want %d, %v", o.Status, o.Abort, a.status, got.e)
			}
		})
	}
}

// A plain close begins with a FIN as well. What tells it from a half-close is
// the answer to a write, and nothing else.
func TestA11_CloseIsFoundByWriting(t *testing.T) {
	t.Parallel()
	s := open(t, overTCP, mounts[0], ignoreHalf, func(s *site) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			called, err := s.register(r.Context())
			if err != nil {
				return
			}
			waits(t, outer(r.Context()))
			io.WriteString(w, "anybody there?")
			http.NewResponseController(w).Flush()
			s.called(called)
		}
	})
	g := s.guest(t)
	get(t, g)
	wayClose.do(g)
	o := s.outcome(t, 1)
	if o.Abort == nil || o.Abort.Reason != abort.Reset && o.Abort.Reason != abort.WriteFailed || o.Status != 200 {
		t.Errorf("Outcome = %d, %v, want 200, an abort by the answer to a write", o.Status, o.Abort)
	}
}

// A half-close of an HTTP/2 connection is the end of its streams, IgnoreHalfClose
// or not: net/http answers none of them any more.
func TestA11_HTTP2(t *testing.T) {
	for _, l := range []link{overH2C, overH2S} {
		for _, o := range []abort.Options{{}, ignoreHalf} {
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				begun, found := make(chan struct{}), make(chan seen, 1)
				s := open(t, l, mounts[0], o, func(s *site) http.HandlerFunc {
					return func(_ http.ResponseWriter, r *http.Request) {
						called, err := s.register(r.Context())
						close(begun)
						found <- seen{s.called(called), err == nil}
						exitcode.Exit(r.Context(), exitcode.ClientClosedRequest)
					}
				})
				g := s.guest(t)
				get(t, g)
				await(t, begun, "request")
				wayFIN.do(g)
				got := await(t, found, "callback")
				left(t, got.e, got.ok, wayFIN)
				if o := s.outcome(t, 1); o.Status != 499 || o.Sent != 0 {
					t.Errorf("Outcome = %d, sent %d, want 499, 0", o.Status, o.Sent)
				}
			})
		}
	}
}

// The inner of two checks decides, also on a socket that is watched already.
func TestA11_InnerCheckDecides(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	s := open(t, overTCP, mounts[0], abort.Options{}, func(s *site) http.HandlerFunc {
		inner := abort.New(ignoreHalf)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			waits(t, outer(r.Context()))
			if err := abort.Wrap(r.Context(), context.Canceled); err != context.Canceled {
				io.WriteString(w, err.Error())
				return
			}
			io.WriteString(w, "answer")
		}))
		return func(w http.ResponseWriter, r *http.Request) {
			r.Context().Done()
			_, err := s.register(r.Context())
			if err != nil {
				io.WriteString(w, err.Error())
			}
			inner.ServeHTTP(w, r)
		}
	})
	g := s.guest(t)
	get(t, g)
	await(t, begun, "request") // the outer check's word would be that this is an abort
	wayFIN.do(g)
	g.ok(t, "answer")
	if o := s.outcome(t, 0); o.Abort != nil {
		t.Errorf("Outcome.Abort = %v, want none", o.Abort)
	}
}
