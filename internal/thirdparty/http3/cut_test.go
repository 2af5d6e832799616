package thirdparty_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/thread"
)

// cuts are the ways to end a response before it is complete.
var cuts = []struct {
	name string
	do   func(ctx context.Context)
}{
	{"Exit(444)", func(ctx context.Context) { exitcode.Exit(ctx, exitcode.Close) }},
	{"Exit(499)", func(ctx context.Context) { exitcode.Exit(ctx, exitcode.ClientClosedRequest) }},
	{"Exit(408)", func(ctx context.Context) { exitcode.Exit(ctx, 408) }},
	{"Exit(-1)", func(ctx context.Context) { exitcode.Exit(ctx, exitcode.Error) }},
	{"Throw(444)", func(ctx context.Context) { exitcode.Throw(ctx, exitcode.Close) }},
	{"Exit(444) in a thread", func(ctx context.Context) {
		th, err := thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, exitcode.Close) })
		if err == nil {
			th.Wait(context.Background())
		}
	}},
	{"panic(ErrAbortHandler)", func(context.Context) { panic(http.ErrAbortHandler) }},
	{"panic", func(context.Context) { panic("on purpose") }},
}

// A response that is cut over HTTP/3 never looks complete,
// and one of which nothing is sent has no header.
func TestX5_CutNeverLooksComplete(t *testing.T) {
	for _, m := range mounts {
		for _, cut := range cuts {
			for _, sent := range []string{"nothing", "4 bytes held back", "4 bytes flushed", "100 KB", "all of Content-Length"} {
				for _, method := range []string{"GET", "POST"} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", m.name, cut.name, sent, method), func(t *testing.T) {
						t.Parallel()
						s := open(t, m, func(w http.ResponseWriter, r *http.Request) {
							switch sent {
							case "4 bytes held back":
								io.WriteString(w, "half")
							case "4 bytes flushed":
								io.WriteString(w, "half")
								w.(http.Flusher).Flush()
							case "100 KB":
								io.WriteString(w, strings.Repeat("x", 100<<10))
							case "all of Content-Length":
								w.Header().Set("Content-Length", "9")
								io.WriteString(w, "half")
								w.(http.Flusher).Flush()
							}
							cut.do(r.Context())
						})
						var body io.Reader
						if method == "POST" {
							body = strings.NewReader(strings.Repeat("y", 50<<10))
						}
						a := s.get(t.Context(), method, body)
						if a.err == nil {
							t.Errorf("the client has %d %q and a clean end, want an error", a.status, a.body)
						}
						if (sent == "nothing" || sent == "4 bytes held back") && a.status != 0 {
							t.Errorf("the client has a header of status %d, want none", a.status)
						}
						if e, ok := errors.AsType[*http3.Error](a.err); !ok || !e.Remote {
							t.Errorf("the client has %v, want a reset of the stream", a.err)
						}
						select {
						case c := <-s.conns:
							if err := context.Cause(c.Context()); err != nil {
								t.Errorf("the connection ends with %v, want it to live on", err)
							}
						default:
							t.Error("no connection")
						}
					})
				}
			}
		}
	}
}

// An exit's page replaces what has not been sent; behind a header the response
// ends as it stands.
func TestX3_Pages(t *testing.T) {
	for _, m := range mounts {
		for _, how := range []string{"exit", "throw", "thread"} {
			for _, code := range []exitcode.Code{403, 503, 200, 204} {
				t.Run(fmt.Sprintf("%s/%s/%d", m.name, how, code), func(t *testing.T) {
					t.Parallel()
					s := open(t, m, func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("X-Own", "kept")
						switch how {
						case "exit":
							exitcode.Exit(r.Context(), code)
						case "throw":
							exitcode.Throw(r.Context(), code)
						case "thread":
							th, _ := thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, code) })
							th.Wait(context.Background())
							<-r.Context().Done()
						}
					})
					a := s.get(t.Context(), "POST", strings.NewReader(strings.Repeat("y", 50<<10)))
					if a.err != nil || a.status != int(code) || (code >= 300) != (len(a.body) > 0) {
						t.Errorf("the client has %d %q, %v, want %d and the page", a.status, a.body, a.err, code)
					}
					if o := testkit.Await(t, s.ended, "OnEnd"); o.Status != int(code) || o.Sent != int(code) || o.Abort != nil {
						t.Errorf("Outcome = %d, sent %d, %v, want %d", o.Status, o.Sent, o.Abort, code)
					}
				})
			}
		}
	}
}

// Send completes the stream while the handler works on, E4.
func TestE4_SendCompletesTheStream(t *testing.T) {
	release := make(chan struct{})
	s := open(t, mounts[1], func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "whole")
		if err := eof.Send(r.Context()); err != nil {
			t.Errorf("Send() = %v, want nil", err)
		}
		<-release
		if err := r.Context().Err(); err != nil {
			t.Errorf("Err() = %v after Send, want nil", err)
		}
	})
	a := s.get(t.Context(), "GET", nil)
	if a.err != nil || a.body != "whole" || a.header.Get("Content-Length") != "5" {
		t.Errorf("the client has %d %v %q, %v, want the whole body, of length 5", a.status, a.header, a.body, a.err)
	}
	s.client.Close() // E9: that is no abort
	close(release)
	if o := testkit.Await(t, s.ended, "OnEnd"); o.Abort != nil || o.Status != 200 || o.EOF == 0 {
		t.Errorf("Outcome = %d, %v, %v, want 200, no abort, Send", o.Status, o.Abort, o.EOF)
	}
}

// E8: a response that is shorter than it said never looks complete.
func TestE8_ShortBody(t *testing.T) {
	for _, flush := range []bool{false, true} {
		got := make(chan error, 1)
		s := open(t, mounts[1], func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9")
			io.WriteString(w, "half")
			if flush {
				w.(http.Flusher).Flush()
			}
			got <- eof.Send(r.Context())
		})
		a := s.get(t.Context(), "GET", nil)
		if err := <-got; !errors.Is(err, eof.ErrShortBody) {
			t.Errorf("Send() = %v, want %v", err, eof.ErrShortBody)
		}
		if e, ok := errors.AsType[*http3.Error](a.err); !ok || !e.Remote {
			t.Errorf("flush %v: the client has %d %q, %v, want a reset of the stream", flush, a.status, a.body, a.err)
		}
	}
}
