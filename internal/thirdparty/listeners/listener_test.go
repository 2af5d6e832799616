package thirdparty_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/thread"
)

// What Attach gives on a plain connection, it gives behind
// the listeners of others; where there is no socket, nobody is blamed falsely.

func each(t *testing.T, body func(t *testing.T, k kind, detach bool)) {
	for _, k := range kinds {
		for _, detach := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/detach %v", k.name, detach), func(t *testing.T) {
				t.Parallel()
				body(t, k, detach)
			})
		}
	}
}

const upload = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\nonly a part"

func TestN2_ServerCloses(t *testing.T) {
	each(t, func(t *testing.T, k kind, detach bool) {
		for _, in := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", upload} {
			begun := make(chan struct{})
			s := k.open(t, detach, func(w http.ResponseWriter, r *http.Request) {
				ctx := r.Context()
				abort.On(ctx, func(context.Context) { t.Error("the callback runs, want no abort") })
				ctx.Done()
				close(begun)
				if in == upload { // net/http does not read: nobody ends the context
					io.Copy(io.Discard, r.Body)
					return
				}
				<-ctx.Done()
			})
			c, _ := s.dial(t)
			io.WriteString(c, in)
			testkit.Await(t, begun, "the handler")
			s.srv.Close()
			if o := testkit.Await(t, s.ended, "OnEnd"); o.Abort != nil || o.Status == 499 {
				t.Errorf("%.4s: Outcome = %d, %v, want no abort", in, o.Status, o.Abort)
			}
		}
	})
}

// A1, A4: a client that leaves is noticed; with an unread body, by the socket alone.
func TestA4_ClientLeaves(t *testing.T) {
	each(t, func(t *testing.T, k kind, detach bool) {
		for _, in := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", upload} {
			if !k.socket {
				continue // of a net.Pipe nobody can tell who closed it
			}
			begun, called := make(chan struct{}), make(chan struct{})
			s := k.open(t, detach, func(w http.ResponseWriter, r *http.Request) {
				ctx := r.Context()
				abort.On(ctx, func(context.Context) { close(called) })
				close(begun)
				select {
				case <-called:
				case <-t.Context().Done():
				}
			})
			c, _ := s.dial(t)
			io.WriteString(c, in)
			testkit.Await(t, begun, "the handler")
			c.Close()
			testkit.Await(t, called, "the callback")
			if o := testkit.Await(t, s.ended, "OnEnd"); o.Abort == nil {
				t.Errorf("%.4s: Outcome.Abort = nil, want an abort", in)
			}
		}
	})
}

func TestA7_HijackedPeerLeaves(t *testing.T) {
	each(t, func(t *testing.T, k kind, detach bool) {
		if !k.socket {
			t.Skip("nothing is promised")
		}
		begun, called := make(chan struct{}), make(chan struct{})
		s := k.open(t, detach, func(w http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(context.Context) { close(called) })
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("Hijack() = %v, want nil", err)
			}
			defer nc.Close()
			close(begun)
			select {
			case <-called:
			case <-t.Context().Done():
			}
		})
		c, _ := s.dial(t)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		testkit.Await(t, begun, "the handler")
		c.Close()
		testkit.Await(t, called, "the callback")
	})
}

// X5, X11: 444 closes at once, though the handler is not back, and although it is
// stuck in a Write.
func TestX5_ExitClosesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, k kind, detach bool) {
		for _, in := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", upload} {
			for _, flushed := range []bool{false, true} {
				release := make(chan struct{})
				s := k.open(t, detach, func(w http.ResponseWriter, r *http.Request) {
					abort.On(r.Context(), func(context.Context) { t.Error("the callback runs, want no abort") })
					if flushed {
						http.NewResponseController(w).EnableFullDuplex() // or net/http reads the body first
						io.WriteString(w, "half")
						w.(http.Flusher).Flush()
					}
					begun := time.Now()
					exitcode.Exit(r.Context(), exitcode.Close)
					if d := time.Since(begun); d > 2*time.Second {
						t.Errorf("Exit() returns after %v, want at once", d)
					}
					<-release
				})
				c, raw := s.dial(t)
				raw.SetDeadline(time.Now().Add(10 * time.Second))
				io.WriteString(c, in)
				defer close(release)
				got, err := io.ReadAll(c)
				if err != nil {
					t.Errorf("%.4s, flushed %v: the client reads %q, %v, want an end", in, flushed, got, err)
				}
				if flushed != strings.Contains(string(got), "half") || strings.Contains(string(got), "0\r\n\r\n") {
					t.Errorf("%.4s, flushed %v: the client reads %q, want no end of the response", in, flushed, got)
				}
			}
		}
	})
}

// An exit of a thread ends a Write that is stuck.
func TestX11_WriteIsStuck(t *testing.T) {
	each(t, func(t *testing.T, k kind, detach bool) {
		wrote, full := make(chan error, 1), make(chan struct{})
		s := k.open(t, detach, func(w http.ResponseWriter, r *http.Request) {
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				testkit.Await(t, full, "a write")
				begun := time.Now()
				err := exitcode.Exit(ctx, exitcode.Close)
				if d := time.Since(begun); d > 2*time.Second || err != nil {
					t.Errorf("Exit() = %v after %v, want nil at once", err, d)
				}
				return nil
			})
			_, err := w.Write(make([]byte, 64<<20)) // more than any buffer on the way takes
			wrote <- err
		})
		c, _ := s.dial(t)
		go func() {
			defer close(full)
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			c.Read(make([]byte, 1)) // the Write is under way, and nobody takes the rest
		}()
		testkit.Await(t, full, "a write")
		begun := time.Now()
		testkit.Await(t, wrote, "the end of the Write")
		if d := time.Since(begun); d > 3*time.Second {
			t.Errorf("the Write ends after %v, want at once", d)
		}
		if o := testkit.Await(t, s.ended, "OnEnd"); o.Exit != exitcode.Close || o.Abort != nil {
			t.Errorf("Outcome = %v, %v, want the exit, no abort", o.Exit, o.Abort)
		}
	})
}

// Number 65, too: no Write is under way, but nothing can be written either, so a
// close_notify cannot go out. The exit does not wait for it.
func TestX11_NothingCanBeWritten(t *testing.T) {
	for _, k := range kinds {
		if k.socket || !k.secure {
			continue // a net.Pipe has no buffer
		}
		for _, detach := range []bool{false, true} {
			took := make(chan time.Duration, 1)
			s := k.open(t, detach, func(w http.ResponseWriter, r *http.Request) {
				begun := time.Now()
				exitcode.Exit(r.Context(), exitcode.Close)
				took <- time.Since(begun)
			})
			c, _ := s.dial(t)
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if d := testkit.Await(t, took, "the exit"); d > time.Second {
				t.Errorf("detach %v: Exit() returns after %v, want at once", detach, d)
			}
		}
	}
}
