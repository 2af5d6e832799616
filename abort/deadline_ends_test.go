package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
)

// After a deadline that net/http takes for the end of the
// client the handler's context never ended, though nobody watched the client any
// more. If no abort is proven it ends as it does without lastbyte.

// after is when the deadlines of these tests pass.
const after = 200 * time.Millisecond

// ending is how a handler's context ended.
type ending struct {
	err, cause error
	at         time.Duration
}

func (e ending) assertDeadline(t *testing.T) {
	t.Helper()
	if e.err != context.Canceled || e.cause != context.Canceled || e.at < after || e.at > 2*after {
		t.Errorf("context: %v, Cause %v, after %v, want %v twice, after %v", e.err, e.cause, e.at, context.Canceled, after)
	}
}

// streams writes and flushes until its context ends, and takes no notice of
// errors.
func streams(w http.ResponseWriter, r *http.Request) ending {
	begin, ctx := time.Now(), r.Context()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		io.WriteString(w, "x")
		_ = flush(w)
		select {
		case <-ctx.Done():
			return ending{ctx.Err(), context.Cause(ctx), time.Since(begin)}
		case <-tick.C:
		}
	}
}

// idles waits for the end of its context.
func idles(_ http.ResponseWriter, r *http.Request) ending {
	begin, ctx := time.Now(), r.Context()
	<-ctx.Done()
	return ending{ctx.Err(), context.Cause(ctx), time.Since(begin)}
}

type deadlineCase struct {
	name    string
	run     func(http.ResponseWriter, *http.Request) ending
	set     func(*http.ResponseController) error // nil: the server's WriteTimeout
	only    aborttest.Protocol                   // "": both
	timeout time.Duration
}

var deadlineCases = []deadlineCase{
	{name: "WriteTimeout, streams", run: streams, timeout: after},
	{name: "WriteTimeout, idles", run: idles, timeout: after, only: aborttest.HTTP2},
	{name: "SetWriteDeadline, streams", run: streams, set: writeBy},
	{name: "SetWriteDeadline, idles", run: idles, set: writeBy, only: aborttest.HTTP2},
	{name: "SetReadDeadline, streams", run: streams, set: readBy, only: aborttest.HTTP1},
	{name: "SetReadDeadline, idles", run: idles, set: readBy, only: aborttest.HTTP1},
}

func writeBy(rc *http.ResponseController) error { return rc.SetWriteDeadline(time.Now().Add(after)) }
func readBy(rc *http.ResponseController) error  { return rc.SetReadDeadline(time.Now().Add(after)) }

// Without ConnContext. With On nobody blames the client either.
func TestN3_TheContextEndsWithTheDeadline(t *testing.T) {
	for _, c := range deadlineCases {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
				if c.only != "" && c.only != p {
					return
				}
				for _, on := range []bool{false, true} {
					endsWithTheDeadline(t, p, m, c, on)
				}
			})
		})
	}
}

func endsWithTheDeadline(t *testing.T, p aborttest.Protocol, m mount, c deadlineCase, on bool) {
	found := make(chan ending, 1)
	s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
		if on {
			_ = abort.On(r.Context(), func(context.Context) { t.Error("the callback ran, want none: the client is there") })
		}
		if c.set != nil {
			if err := c.set(http.NewResponseController(w)); err != nil {
				t.Errorf("deadline: %v, want nil", err)
			}
		}
		found <- c.run(w, r)
	}, func(srv *http.Server) { srv.WriteTimeout = c.timeout })
	call := s.Get("/")
	defer call.Leave(aborttest.Timeout)
	time.Sleep(4 * after)
	take(t, found, "end of the context").assertDeadline(t)
	if o := ended(t, call); o.Abort != nil || o.Status != 200 {
		t.Errorf("Outcome = %d, %v, want 200, no abort", o.Status, o.Abort)
	}
}

// The clock of the WriteTimeout starts before that of a request behind a handler that
// takes long, or on a machine that is slow. That blames no client; and one that leaves
// half-way is an abort.
func TestN3_WriteTimeoutBehindASlowHandler(t *testing.T) {
	const timeout, slow = 10 * time.Second, 900 * time.Millisecond
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		for _, leaves := range []time.Duration{timeout / 2, 2 * timeout} {
			found := make(chan ending, 1)
			s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) { found <- streams(w, r) }, func(srv *http.Server) {
				srv.WriteTimeout = timeout
				inside := srv.Handler
				srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(slow)
					inside.ServeHTTP(w, r)
				})
			})
			call := s.Get("/")
			time.Sleep(leaves)
			call.Leave(aborttest.Timeout)
			take(t, found, "end of the context")
			if o := ended(t, call); (o.Abort != nil) != (leaves < timeout) {
				t.Errorf("the client leaves after %v: Abort = %v, want one only before %v", leaves, o.Abort, timeout)
			}
		}
	})
}

// Over sockets, where the client stays as well: with Attach, too, a write
// deadline ends the context.
func TestN3_TheContextEndsWithTheWriteDeadline_Sockets(t *testing.T) {
	t.Parallel()
	for _, l := range links {
		for _, m := range mounts {
			for _, attached := range []bool{false, true} {
				for _, run := range []func(http.ResponseWriter, *http.Request) ending{streams, idles} {
					t.Run(name(l, attached)+" "+m.name, func(t *testing.T) {
						t.Parallel()
						found := make(chan error, 1)
						s := open(t, l, m, abort.Options{}, func(*site) http.HandlerFunc {
							return func(w http.ResponseWriter, r *http.Request) {
								err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(soon))
								if !l.h2 {
									streams(w, r)
								} else {
									run(w, r)
								}
								found <- errors.Join(err, abort.Wrap(r.Context(), context.Cause(r.Context())))
							}
						}, attach(attached))
						get(t, s.guest(t))
						if err := await(t, found, "end of the context"); errors.Is(err, abort.ErrClientAborted) || !errors.Is(err, context.Canceled) {
							t.Errorf("Cause = %v, want %v", err, context.Canceled)
						}
						s.stays(t, 1)
					})
				}
			}
		}
	}
}

// What keeps a context alive after a read deadline is that the client is
// watched: it is, although the handler has not asked for anything before.
func TestN3_ReadDeadline_WatchedFromThenOn(t *testing.T) {
	eachLink(t, []link{overTCP, overTLS}, func(t *testing.T, l link, m mount) {
		for _, how := range []way{wayFIN, wayRST} {
			armed, errs := make(chan struct{}, 1), make(chan error, 1)
			s := open(t, l, m, abort.Options{}, func(*site) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					_ = http.NewResponseController(w).SetReadDeadline(longAgo)
					waits(t, outer(ctx))
					if err := ctx.Err(); err != nil {
						t.Errorf("Err() after the deadline = %v, want nil", err)
					}
					armed <- struct{}{}
					waits(t, ctx)
					errs <- context.Cause(ctx)
				}
			})
			g := s.guest(t)
			get(t, g)
			await(t, armed, "deadline")
			how.do(g)
			e, ok := errors.AsType[*abort.Error](await(t, errs, "end of the context"))
			left(t, e, ok, how)
			s.outcome(t, 0)
		}
	})
}
