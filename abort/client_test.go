package abort_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
)

func TestA9_GoneWhileTheResponseIsWritten(t *testing.T) {
	for _, how := range []aborttest.Way{aborttest.Timeout, aborttest.Close, aborttest.Reset} {
		t.Run(string(how), func(t *testing.T) {
			each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
				type result struct {
					err, wrapped, cause error
					reason              abort.Reason
				}
				results := make(chan result, 1)
				s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusAccepted)
					var err error
					for err == nil { // ends by the abort alone: the client never reads
						_, err = w.Write(bytes.Repeat([]byte("x"), 64<<10))
					}
					wrapped, reason := abort.Wrap(r.Context(), err), abort.Reason("none")
					if e, ok := abort.Cause(r.Context()); ok {
						reason = e.Reason
					}
					results <- result{err, wrapped, context.Cause(r.Context()), reason}
				})
				go s.HTTP().Get(s.URL())
				none(t, results, "result while the client is there") // stuck in Write
				call := last(s)
				call.Leave(how)
				got := take(t, results, "result")
				if got.err == nil || !errors.Is(got.wrapped, abort.ErrClientAborted) || !errors.Is(got.wrapped, got.err) {
					t.Errorf("Wrap(%v) = %v, want both it and %v", got.err, got.wrapped, abort.ErrClientAborted)
				}
				if !errors.Is(got.cause, abort.ErrClientAborted) {
					t.Errorf("Cause = %v, want %v", got.cause, abort.ErrClientAborted)
				}
				want := abort.WriteFailed
				if how == aborttest.Reset && p == aborttest.HTTP1 {
					want = abort.Reset // the error of the write says so
				}
				// The write and net/http's own reader see the end at once.
				if got.reason != want && got.reason != abort.Unverified {
					t.Errorf("reason = %q, want %q or %q", got.reason, want, abort.Unverified)
				}
				if o := ended(t, call); o.Status != 202 || o.Sent != 202 || o.Abort == nil {
					t.Errorf("Outcome = %d, %d, %v, want 202, 202, an abort", o.Status, o.Sent, o.Abort)
				}
			})
		})
	}
}

func TestA9_Callback(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		called, errs := make(chan abort.Reason, 4), make(chan error, 1)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			abort.On(ctx, func(context.Context) {
				e, _ := abort.Cause(ctx)
				called <- e.Reason
			})
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, 64<<10))
			}
			errs <- ctx.Err()
		})
		go s.HTTP().Get(s.URL()) // and reads nothing
		none(t, called, "callback while the client is there")
		call := last(s)
		call.Leave(aborttest.Timeout)
		take(t, called, "callback")
		if err := take(t, errs, "Err after a failed write"); err != nil {
			t.Errorf("Err() = %v, want nil: the callback decides", err)
		}
		none(t, called, "second callback")
	})
}

func TestA10_GoneWhileTheBodyIsRead(t *testing.T) {
	for _, how := range []aborttest.Way{aborttest.Timeout, aborttest.Close, aborttest.Reset} {
		for _, length := range []int64{-1, 1 << 20} {
			t.Run(fmt.Sprintf("%s, length %d", how, length), func(t *testing.T) {
				each(t, func(t *testing.T, p aborttest.Protocol, m mount) { goneInBody(t, p, m, how, length) })
			})
		}
	}
}

func goneInBody(t *testing.T, p aborttest.Protocol, m mount, how aborttest.Way, length int64) {
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
	req := s.NewRequest("POST", "/", aborttest.StallAfter(strings.NewReader("half of")))
	req.ContentLength = length
	call := s.Do(req)
	none(t, results, "result while the client is there")
	call.Leave(how)
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
