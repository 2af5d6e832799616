package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// completes writes a whole answer, by its Content-Length, and flushes it.
func completes(w http.ResponseWriter) error {
	w.Header().Set("Content-Length", "6")
	w.WriteHeader(http.StatusAccepted)
	_, err := io.WriteString(w, "answer")
	return errors.Join(err, http.NewResponseController(w).Flush())
}

// take6 reads the whole answer, and no end of it.
func (g *guest) take6(t *testing.T) {
	t.Helper()
	res, err := g.head(t)
	if err != nil {
		t.Fatalf("response = %v, want one", err)
	}
	text := make(chan string, 1)
	go func() {
		b := make([]byte, 6)
		n, _ := io.ReadFull(res.Body, b)
		text <- string(b[:n])
	}()
	if got := await(t, text, "body"); res.StatusCode != 202 || got != "answer" {
		t.Errorf("response = %d %q, want 202 answer", res.StatusCode, got)
	}
}

func TestA15_ClosesBeforeTheHandlerReturns(t *testing.T) {
	for _, l := range links {
		ways := []way{wayClose, wayRST}
		switch l {
		case overTLS:
			ways = []way{wayTLS, wayRST}
		case overH2C, overH2S:
			ways = []way{wayStream, wayFIN.either(), wayRST.either()}
		}
		for _, how := range ways {
			for _, m := range mounts {
				for _, a := range asks {
					t.Run(l.name+" "+how.name+" "+m.name+" "+a.name, func(t *testing.T) {
						t.Parallel()
						completeThenGone(t, l, how, m, a)
					})
				}
			}
		}
	}
}

func completeThenGone(t *testing.T, l link, how way, m mount, a ask) {
	found := make(chan seen, 1)
	s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			werr := completes(w)
			e, ok := a.wait(s, r.Context())
			found <- seen{e, ok && werr == nil}
		}
	})
	for i := range int32(departures) {
		g := s.guest(t)
		get(t, g)
		g.take6(t)
		how.do(g)
		got := await(t, found, "end of the client")
		left(t, got.e, got.ok, how)
		if o := s.outcome(t, a.calls*(i+1)); o.Status != 202 || o.Sent != 202 || o.Abort != got.e {
			t.Errorf("Outcome = %d, sent %d, %v, want 202, 202, %v", o.Status, o.Sent, o.Abort, got.e)
		}
	}
}

// After Send, or after the handler's return, the client may do what it likes.
func TestN5_ClosesAfterTheEnd(t *testing.T) {
	for _, l := range links {
		for _, how := range []way{wayClose, wayRST} {
			t.Run(l.name+" "+how.name+" Send", func(t *testing.T) {
				t.Parallel()
				sent, gone, errs := make(chan error, 1), make(chan struct{}), make(chan error, 1)
				s := open(t, l, mounts[1], abort.Options{}, func(s *site) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						_, err := s.register(r.Context())
						sent <- errors.Join(err, completes(w), eof.Send(r.Context()))
						<-gone
						errs <- errors.Join(r.Context().Err(), abort.Wrap(r.Context(), io.EOF))
					}
				})
				for range departures {
					g := s.guest(t)
					get(t, g)
					if err := await(t, sent, "Send"); err != nil {
						t.Errorf("On(), Write(), Send() = %v, want nil", err)
					}
					g.take6(t)
					if o := s.outcome(t, 0); o.Status != 202 || o.Abort != nil {
						t.Errorf("Outcome = %d, %v, want 202, no abort", o.Status, o.Abort)
					}
					how.do(g)
					gone <- struct{}{}
					if err := await(t, errs, "work after Send"); errors.Is(err, abort.ErrClientAborted) || errors.Is(err, context.Canceled) {
						t.Errorf("Err, Wrap(EOF) after Send = %v, want EOF alone", err)
					}
				}
			})
		}
	}
}

// After an exit that drops the connection lastbyte itself closes it, and that the
// client closes after it is no abort either.
func TestN6_TheCloseIsOurs_Socket(t *testing.T) {
	for _, l := range links {
		for _, code := range []exitcode.Code{exitcode.Close, exitcode.Error} {
			t.Run(l.name+" "+code.String(), func(t *testing.T) {
				t.Parallel()
				gone, errs := make(chan struct{}), make(chan error, 1)
				s := open(t, l, mounts[0], abort.Options{}, func(s *site) http.HandlerFunc {
					return func(_ http.ResponseWriter, r *http.Request) {
						_, err := s.register(r.Context())
						r.Context().Done()
						err = errors.Join(err, exitcode.Exit(r.Context(), code))
						<-gone
						errs <- errors.Join(err, abort.Wrap(r.Context(), io.EOF))
					}
				})
				for range departures {
					g := s.guest(t)
					get(t, g)
					if _, err := g.head(t); err == nil {
						t.Error("a response came, want none")
					}
					wayRST.do(g)
					gone <- struct{}{}
					if err := await(t, errs, "the handler"); errors.Is(err, abort.ErrClientAborted) || !errors.Is(err, io.EOF) {
						t.Errorf("On, Exit, Wrap(EOF) = %v, want EOF alone", err)
					}
					if o := s.outcome(t, 0); o.Status != max(int(code), 0) || o.Abort != nil {
						t.Errorf("Outcome = %d, %v, want %d, no abort", o.Status, o.Abort, max(int(code), 0))
					}
				}
			})
		}
	}
}
