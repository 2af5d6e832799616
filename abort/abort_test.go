package abort_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
)

// end is how a handler saw its context end.
type end struct {
	err   error
	cause error
	at    time.Duration
}

// waitEnd waits for the end of the request's context.
func waitEnd(ends chan<- end) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		<-r.Context().Done()
		ends <- end{r.Context().Err(), context.Cause(r.Context()), time.Since(begin)}
	}
}

// noticed asserts that a client which leaves in this way is noticed at once, by
// the context or, if one is registered, the callback.
func noticed(t *testing.T, how aborttest.Way) {
	t.Run(string(how), func(t *testing.T) {
		each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
			ends := make(chan end, 1)
			s := start(t, p, m, waitEnd(ends))
			call := s.Get("/")
			time.Sleep(3 * time.Second)
			none(t, ends, "the context before the client left")
			call.Leave(how)
			e := take(t, ends, "the context after the client left")
			a, ok := e.cause.(*abort.Error)
			if !ok || e.err != context.Canceled || !errors.Is(e.cause, abort.ErrClientAborted) {
				t.Fatalf("Err, Cause = %v, %v, want context canceled, an *abort.Error", e.err, e.cause)
			}
			if a.Reason != abort.Unverified || a.After != 3*time.Second || e.at != 3*time.Second {
				t.Errorf("abort = %q after %v, seen after %v, want unverified (no ConnContext), 3s, 3s", a.Reason, a.After, e.at)
			}
			if o := ended(t, call); o.Abort != a || o.Status != 499 {
				t.Errorf("Outcome = %d, %v, want 499 with the context's cause", o.Status, o.Abort)
			}
		})
	})
	t.Run(string(how)+" with callback", func(t *testing.T) {
		each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
			called, release := make(chan time.Time, 4), make(chan struct{})
			s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
				if err := abort.On(r.Context(), func(context.Context) { called <- time.Now() }); err != nil {
					t.Errorf("On() = %v, want nil", err)
				}
				<-release
			})
			call := s.Get("/")
			time.Sleep(3 * time.Second)
			none(t, called, "callback before the client left")
			call.Leave(how)
			left := time.Now()
			if at := take(t, called, "callback"); !at.Equal(left) {
				t.Errorf("callback ran %v after the client left, want at once", at.Sub(left))
			}
			close(release)
			none(t, called, "second callback")
		})
	})
}

func TestA1_FINWhileTheHandlerWorks(t *testing.T) {
	for _, how := range []aborttest.Way{aborttest.Timeout, aborttest.Close, aborttest.HalfClose} {
		noticed(t, how)
	}
}

func TestA2_ResetWhileTheHandlerWorks(t *testing.T) { noticed(t, aborttest.Reset) }

// A handler that asks nothing while it works learns of the abort when it asks.
func TestA1_AskedLate(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		release, errs := make(chan struct{}), make(chan error, 1)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			<-release
			if r.Context().Err() != context.Canceled {
				errs <- r.Context().Err()
			}
			errs <- context.Cause(r.Context())
		})
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		close(release)
		if err := take(t, errs, "cause"); !errors.Is(err, abort.ErrClientAborted) {
			t.Errorf("Err, then Cause = %v, want Canceled by %v", err, abort.ErrClientAborted)
		}
	})
}

// A client that leaves right after its request is noticed, whether it is gone
// before the handler starts or not.
func TestA6_FINRacesTheHandlersStart(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		const n = 50
		called := make(chan int, 2*n)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			done := make(chan struct{})
			if err := abort.On(r.Context(), func(context.Context) { called <- 1; close(done) }); err != nil {
				t.Errorf("On() = %v, want nil", err)
			}
			<-done // a miss is a handler that hangs, and reported by the bubble
		})
		for range n {
			hitAndRun(s)
			ended(t, last(s))
		}
		if len(called) != n {
			t.Errorf("%d aborts ran %d callbacks, want one each", n, len(called))
		}
	})
}

func TestA8_HTTP2StreamOrConnection(t *testing.T) {
	for _, how := range []aborttest.Way{aborttest.Timeout, aborttest.Close, aborttest.Reset} {
		t.Run(string(how), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ends := make(chan end, 2)
				s := start(t, aborttest.HTTP2, mounts[0], waitEnd(ends))
				call := s.Get("/")
				synctest.Wait()
				other := s.Get("/other")
				synctest.Wait()
				if at := slices.Collect(s.Lifecycle().Requests()); len(at) != 2 || at[0].RemoteAddr != at[1].RemoteAddr {
					t.Fatalf("at work: %+v, want 2 requests on 1 connection", at)
				}
				call.Leave(how)
				if e := take(t, ends, "the context"); !errors.Is(e.cause, abort.ErrClientAborted) {
					t.Errorf("Cause = %v, want %v", e.cause, abort.ErrClientAborted)
				}
				if how == aborttest.Timeout {
					none(t, ends, "the other stream's context")
					other.Leave(aborttest.Timeout)
				}
				if e := take(t, ends, "the other stream's context"); !errors.Is(e.cause, abort.ErrClientAborted) {
					t.Errorf("Cause of the other stream = %v, want %v", e.cause, abort.ErrClientAborted)
				}
			})
		})
	}
}
