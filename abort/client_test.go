package abort_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestA9_GoneWhileTheResponseIsWritten(t *testing.T) {
	for _, d := range []departure{cancels, closes, resets} {
		t.Run(d.name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, m mount) {
				type result struct {
					err, wrapped, cause error
					reason              abort.Reason
				}
				results := make(chan result, 1)
				s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusAccepted)
					var err error
					for err == nil { // ends by the abort alone: the client never reads
						_, err = w.Write(bytes.Repeat([]byte("x"), pipenet.Window))
					}
					e, _ := abort.Cause(r.Context())
					results <- result{err, abort.Wrap(r.Context(), err), context.Cause(r.Context()), e.Reason}
				})
				call := s.Begin(s.NewRequest("GET", "/", nil))
				none(t, results, "result while the client is there") // stuck in Write
				d.leave(s.Server, call)
				got := take(t, results, "result")
				if got.err == nil || !errors.Is(got.wrapped, abort.ErrClientAborted) || !errors.Is(got.wrapped, got.err) {
					t.Errorf("Wrap(%v) = %v, want both it and %v", got.err, got.wrapped, abort.ErrClientAborted)
				}
				if !errors.Is(got.cause, abort.ErrClientAborted) {
					t.Errorf("Cause = %v, want %v", got.cause, abort.ErrClientAborted)
				}
				want := abort.WriteFailed
				if d.name == resets.name && p == pipenet.HTTP1 {
					want = abort.Reset // the error of the write says so
				}
				// The write and net/http's own reader see the end at once.
				if got.reason != want && got.reason != abort.Unverified {
					t.Errorf("reason = %q, want %q or %q", got.reason, want, abort.Unverified)
				}
				if o := take(t, s.ended, "OnEnd"); o.Status != 202 || o.Sent != 202 || o.Abort == nil {
					t.Errorf("Outcome = %d, %d, %v, want 202, 202, an abort", o.Status, o.Sent, o.Abort)
				}
			})
		})
	}
}

func TestA9_Callback(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		called, errs := make(chan abort.Reason, 4), make(chan error, 1)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			abort.On(ctx, func(context.Context) {
				e, _ := abort.Cause(ctx)
				called <- e.Reason
			})
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, pipenet.Window))
			}
			errs <- ctx.Err()
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		none(t, called, "callback while the client is there")
		call.Cancel()
		take(t, called, "callback")
		if err := take(t, errs, "Err after a failed write"); err != nil {
			t.Errorf("Err() = %v, want nil: the callback decides", err)
		}
		none(t, called, "second callback")
	})
}

func TestA10_GoneWhileTheBodyIsRead(t *testing.T) {
	for _, d := range []departure{cancels, closes, resets} {
		for _, length := range []int64{-1, 1 << 20} {
			t.Run(fmt.Sprintf("%s, length %d", d.name, length), func(t *testing.T) {
				each(t, func(t *testing.T, p pipenet.Proto, m mount) { goneInBody(t, p, m, d, length) })
			})
		}
	}
}

func goneInBody(t *testing.T, p pipenet.Proto, m mount, d departure, length int64) {
	type result struct {
		text string
		err  error
	}
	results, called := make(chan result, 1), make(chan abort.Reason, 4)
	s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		abort.On(ctx, func(context.Context) {
			e, _ := abort.Cause(ctx)
			called <- e.Reason
		})
		text, err := io.ReadAll(r.Body)
		results <- result{string(text), err}
	})
	body, feed := io.Pipe()
	defer feed.Close()
	req := s.NewRequest("POST", "/", body)
	req.ContentLength = length
	call := s.Begin(req)
	io.WriteString(feed, "half of")
	none(t, results, "result while the client is there")
	d.leave(s.Server, call)
	got := take(t, results, "result")
	if got.text != "half of" || !errors.Is(got.err, abort.ErrClientAborted) || !errors.Is(got.err, io.ErrUnexpectedEOF) {
		t.Errorf("ReadAll(Body) = %q, %v, want %q, an error that Is %v and %v",
			got.text, got.err, "half of", abort.ErrClientAborted, io.ErrUnexpectedEOF)
	}
	reason := take(t, called, "callback")
	if reason != abort.BodyTruncated && reason != abort.Reset && reason != abort.Unverified {
		t.Errorf("reason = %q, want body_truncated, reset or unverified", reason)
	}
	none(t, called, "second callback")
}

func TestA12_SecondRequestOfTheConnection(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		called := make(chan string, 4)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			done := make(chan struct{})
			abort.On(r.Context(), func(context.Context) { called <- r.URL.Path; close(done) })
			if r.URL.Path == "/2" {
				<-done
			}
			io.WriteString(w, "answer")
		})
		if status, text := mustGet(t, s.Server, "/1"); status != 200 || text != "answer" {
			t.Errorf("first request = %d %q, want 200 answer", status, text)
		}
		if o := take(t, s.ended, "OnEnd of the first"); o.Abort != nil || o.Status != 200 {
			t.Errorf("first Outcome = %d, %v, want 200, no abort", o.Status, o.Abort)
		}
		call := s.Begin(s.NewRequest("GET", "/2", nil))
		none(t, called, "callback while the client is there")
		if n := len(s.Conns()); n != 1 {
			t.Fatalf("2 requests took %d connections, want 1", n)
		}
		call.Cancel()
		if got := take(t, called, "callback of the second"); got != "/2" {
			t.Errorf("callback of %q ran, want that of /2", got)
		}
		if o := take(t, s.ended, "OnEnd of the second"); o.Abort == nil {
			t.Error("second Outcome has no abort, want one")
		}
		none(t, called, "callback of the first")
	})
}

func TestA13_RegisteredInAMiddleware(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		type key struct{}
		called, second := make(chan any, 4), make(chan error, 1)
		register := func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				ctx := context.WithValue(r.Context(), key{}, "set outside")
				if err := abort.On(ctx, func(ctx context.Context) { called <- ctx.Value(key{}) }); err != nil {
					t.Errorf("On() in the middleware = %v, want nil", err)
				}
				next(w, r.WithContext(ctx))
			}
		}
		release := make(chan struct{})
		s := start(t, p, m, register(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			second <- abort.On(ctx, func(context.Context) { called <- "the handler's" })
			<-release
		}))
		call := s.Begin(s.NewRequest("GET", "/", nil))
		if err := take(t, second, "On in the handler"); !errors.Is(err, abort.ErrDuplicate) {
			t.Errorf("On() in the handler = %v, want %v", err, abort.ErrDuplicate)
		}
		call.Cancel()
		if got := take(t, called, "callback"); got != "set outside" {
			t.Errorf("callback's ctx has %v, want the middleware's value", got)
		}
		close(release)
		none(t, called, "second callback")
	})
}

func TestA14_RegisteredAfterTheClientLeft(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		left, called := make(chan struct{}), make(chan error, 4)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			<-left
			if err := abort.On(r.Context(), func(context.Context) { called <- r.Context().Err() }); err != nil {
				t.Errorf("On() = %v, want nil", err)
			}
			w.WriteHeader(http.StatusAccepted)
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		call.Cancel()
		synctest.Wait()
		close(left)
		if err := take(t, called, "callback"); err != nil {
			t.Errorf("the request's Err() in the callback = %v, want nil: nobody had looked before", err)
		}
		if o := take(t, s.ended, "OnEnd"); o.Status != 202 || o.Abort == nil {
			t.Errorf("Outcome = %d, %v, want 202, an abort", o.Status, o.Abort)
		}
		none(t, called, "second callback")
	})
}

func TestA14_RegisteredAfterTheContextEnded(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		called := make(chan struct{}, 4)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			done := make(chan struct{})
			if err := abort.On(r.Context(), func(context.Context) { called <- struct{}{}; close(done) }); err != nil {
				t.Errorf("On() = %v, want nil", err)
				return
			}
			<-done
			w.WriteHeader(http.StatusAccepted)
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		call.Cancel()
		take(t, called, "callback")
		if o := take(t, s.ended, "OnEnd"); o.Status != 499 || o.Sent != 0 {
			t.Errorf("Outcome = %d, %d, want 499, 0", o.Status, o.Sent)
		}
		none(t, called, "second callback")
	})
}
