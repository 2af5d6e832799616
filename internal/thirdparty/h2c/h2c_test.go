package thirdparty_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Each stream of an h2c connection is a request of its
// own, also the one that began as HTTP/1.1, whose end is its own alone.

// endings are the ways in which one stream ends; the other one has the answer that
// its handler writes.
var endings = []struct {
	path string
	do   func(t *testing.T, w http.ResponseWriter, r *http.Request)
	want string
	code exitcode.Code
}{
	{"/404", func(t *testing.T, _ http.ResponseWriter, r *http.Request) {
		if err := exitcode.Exit(r.Context(), 404); err != nil {
			t.Errorf("Exit(404) = %v, want nil", err)
		}
	}, `404 "404 Not Found\n"`, 404},
	{"/444", func(t *testing.T, _ http.ResponseWriter, r *http.Request) {
		if err := exitcode.Exit(r.Context(), exitcode.Close); err != nil {
			t.Errorf("Exit(444) = %v, want nil", err)
		}
		wait(t, r.Context().Done())
	}, ` "" RST_STREAM`, exitcode.Close},
	{"/half", func(t *testing.T, w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		exitcode.Throw(r.Context(), exitcode.Error)
	}, `200 "half" RST_STREAM`, exitcode.Error},
	{"/panic", func(*testing.T, http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	}, ` "" RST_STREAM`, 0},
}

func TestH2C_OneStreamEnds(t *testing.T) {
	each(t, true, func(t *testing.T, s setup) {
		for _, e := range endings {
			begun, end, release := make(chan string, 2), make(chan struct{}), make(chan struct{})
			o := s.open(t, func(w http.ResponseWriter, r *http.Request) {
				abort.On(r.Context(), func(context.Context) { t.Errorf("%s: the callback runs, want no abort", e.path) })
				begun <- r.URL.Path
				if r.URL.Path != "/hold" {
					wait(t, end)
					e.do(t, w, r)
					return
				}
				wait(t, release)
				if err := r.Context().Err(); err != nil {
					t.Errorf("%s: the other request's Err() = %v, want nil", e.path, err)
				}
				if code, ok := exitcode.From(r.Context()); ok {
					t.Errorf("%s: the other request's From() = %v, want none", e.path, code)
				}
				io.WriteString(w, "whole")
			})
			c, ending, held := s.pair(t, o, e.path, begun)
			close(end)
			if got := ending.wait(t); got != e.want {
				t.Errorf("%s: the client has %s, want %s", e.path, got, e.want)
			}
			out := testkit.Await(t, o.ended, "OnEnd")
			if code := out.Exit; code != e.code || out.Abort != nil {
				t.Errorf("%s: Outcome = %v, %v, want exit %d, no abort", e.path, code, out.Abort, e.code)
			}
			close(release)
			if got := held.wait(t); got != `200 "whole"` {
				t.Errorf("%s: the client has %s of the other stream, want it whole", e.path, got)
			}
			out = testkit.Await(t, o.ended, "OnEnd of the other")
			if out.Status != 200 || out.Exited || out.Abort != nil {
				t.Errorf("%s: the other Outcome = %+v, want 200", e.path, out)
			}
			if got := c.get(t, "/hold").wait(t); got != `200 "whole"` {
				t.Errorf("%s: the client has %s of a later stream, want it whole", e.path, got)
			}
		}
	})
}

// E4: Send completes its stream, and no other, while the handler works on.
func TestE4_SendCompletesTheStream(t *testing.T) {
	each(t, true, func(t *testing.T, s setup) {
		begun, end, release := make(chan string, 2), make(chan struct{}), make(chan struct{})
		sent := make(chan error, 1)
		o := s.open(t, func(w http.ResponseWriter, r *http.Request) {
			begun <- r.URL.Path
			if r.URL.Path == "/send" {
				wait(t, end)
				io.WriteString(w, "sent")
				sent <- eof.Send(r.Context())
				wait(t, release)
				if err := r.Context().Err(); s.detach && err != nil {
					t.Errorf("Err() = %v after Send, want nil", err)
				}
				return
			}
			wait(t, release)
			io.WriteString(w, "whole")
		})
		_, ending, held := s.pair(t, o, "/send", begun)
		close(end)
		err := testkit.Await(t, sent, "Send")
		if !s.detach {
			if !errors.Is(err, eof.ErrNotDetached) {
				t.Errorf("Send() = %v, want %v", err, eof.ErrNotDetached)
			}
			close(release)
		} else if err != nil {
			t.Errorf("Send() = %v, want nil", err)
		}
		if got := ending.wait(t); got != `200 "sent"` {
			t.Errorf("the client has %s, want it whole", got)
		}
		if s.detach {
			close(release)
		}
		if got := held.wait(t); got != `200 "whole"` {
			t.Errorf("the client has %s of the other stream, want it whole", got)
		}
	})
}

// A8: a stream that the client resets is aborted, and no other. Of the stream of an
// upgrade neither x/net nor net/http tells the handler: the context that it has is
// that of the HTTP/1 request.
func TestA8_StreamIsReset(t *testing.T) {
	each(t, true, func(t *testing.T, s setup) {
		if s.upgrade && s.switchedFirst {
			t.Skip("nothing is promised")
		}
		begun, called, release := make(chan string, 2), make(chan string, 2), make(chan struct{})
		o := s.open(t, func(w http.ResponseWriter, r *http.Request) {
			path := r.URL.Path
			if err := abort.On(r.Context(), func(ctx context.Context) {
				called <- path
				exitcode.Exit(ctx, exitcode.ClientClosedRequest)
			}); err != nil {
				t.Errorf("On() = %v, want nil", err)
			}
			begun <- path
			if path == "/reset" {
				wait(t, r.Context().Done())
				return
			}
			wait(t, release)
			io.WriteString(w, "whole")
		})
		c, ending, held := s.pair(t, o, "/reset", begun)
		c.reset(t, ending)
		if got := testkit.Await(t, called, "the callback"); got != "/reset" {
			t.Errorf("the callback of %s runs, want that of /reset", got)
		}
		out := testkit.Await(t, o.ended, "OnEnd")
		if out.Abort == nil || out.Status != 499 {
			t.Errorf("Outcome = %d, %v, want 499 and an abort", out.Status, out.Abort)
		} else if got := out.Abort.Reason; got != abort.StreamReset && (s.attach && !s.outer || got != abort.Unverified) {
			t.Errorf("Reason = %s, want %s", got, abort.StreamReset)
		}
		close(release)
		if got := held.wait(t); got != `200 "whole"` {
			t.Errorf("the client has %s of the other stream, want it whole", got)
		}
		if len(called) > 0 {
			t.Errorf("the callback of %s runs, too", <-called)
		}
	})
}

// A8: a connection that the client closes aborts both of its streams.
func TestA8_ConnectionIsClosed(t *testing.T) {
	each(t, true, func(t *testing.T, s setup) {
		if s.outer && s.attach {
			t.Skip("the abort of the hijacked request may hide that of its streams")
		}
		begun, called := make(chan string, 2), make(chan string, 2)
		o := s.open(t, func(w http.ResponseWriter, r *http.Request) {
			path := r.URL.Path
			abort.On(r.Context(), func(ctx context.Context) {
				called <- path
				exitcode.Exit(ctx, exitcode.ClientClosedRequest)
			})
			begun <- path
			wait(t, r.Context().Done())
		})
		c, _, _ := s.pair(t, o, "/close", begun)
		c.conn.Close()
		if a, b := testkit.Await(t, called, "a callback"), testkit.Await(t, called, "a callback"); a == b {
			t.Errorf("the callback of %s runs twice", a)
		}
		for range 2 {
			out := testkit.Await(t, o.ended, "OnEnd")
			for out.Hijacked { // the outer request
				out = testkit.Await(t, o.ended, "OnEnd")
			}
			if out.Abort == nil || out.Status != 499 {
				t.Errorf("Outcome = %d, %v, want 499", out.Status, out.Abort)
			}
		}
	})
}

// Number 6: without a lastbyte middleware inside h2c a stream is no request of
// lastbyte's, and the one that was hijacked is not found in its place. The stream of
// an upgrade has the very context of the request that was hijacked, so nothing can
// tell the two apart there: nothing is promised for the verbs in it.
func TestH2C_NothingInside(t *testing.T) {
	each(t, false, func(t *testing.T, s setup) {
		if s.upgrade && s.switchedFirst {
			t.Skip("nothing is promised")
		}
		begun, end, release := make(chan string, 2), make(chan struct{}), make(chan struct{})
		o := s.open(t, func(w http.ResponseWriter, r *http.Request) {
			begun <- r.URL.Path
			if r.URL.Path == "/404" {
				wait(t, end)
				if err := exitcode.Exit(r.Context(), 404); !errors.Is(err, exitcode.ErrNoRequest) {
					t.Errorf("Exit() = %v, want %v", err, exitcode.ErrNoRequest)
				}
				if _, ok := middleware.From(r.Context()); ok {
					t.Error("From() finds a request, want none")
				}
				return
			}
			wait(t, release)
			if err := r.Context().Err(); err != nil {
				t.Errorf("the other request's Err() = %v, want nil", err)
			}
			io.WriteString(w, "whole")
		})
		c, ending, held := s.pair(t, o, "/404", begun)
		close(end)
		if got := ending.wait(t); got != `200 ""` {
			t.Errorf("the client has %s, want 200", got)
		}
		close(release)
		if got := held.wait(t); got != `200 "whole"` {
			t.Errorf("the client has %s of the other stream, want it whole", got)
		}
		c.conn.Close()
		if out := testkit.Await(t, o.ended, "OnEnd"); out.Exited || !out.Hijacked {
			t.Errorf("the outer Outcome = %+v, want a hijacked request without an exit", out)
		}
	})
}
