package abort_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// To HEAD net/http ends the HTTP/2 stream with the header,
// and a client takes 204 and 304 for complete and gives the stream up. Either
// ends the context, and was taken for a client that left.
func TestN7_ResponseWithoutABody(t *testing.T) {
	cases := []struct {
		name, method string
		status       int
		respond      func(http.ResponseWriter)
	}{
		{"HEAD, Flush", "HEAD", 200, func(w http.ResponseWriter) { _ = flush(w) }},
		{"HEAD, 5 KB", "HEAD", 200, func(w http.ResponseWriter) { io.WriteString(w, strings.Repeat("x", 5<<10)) }},
		{"HEAD, 404, Flush", "HEAD", 404, func(w http.ResponseWriter) { w.WriteHeader(404); _ = flush(w) }},
		{"204, Flush", "GET", 204, func(w http.ResponseWriter) { w.WriteHeader(204); _ = flush(w) }},
		{"304, Flush", "GET", 304, func(w http.ResponseWriter) { w.WriteHeader(304); _ = flush(w) }},
	}
	for _, c := range cases {
		for _, on := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
					s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
						ctx := r.Context()
						if on {
							_ = abort.On(ctx, func(context.Context) { t.Error("the callback ran, want none") })
						}
						done := ctx.Done()
						c.respond(w)
						select {
						case <-done:
						case <-time.After(time.Second):
						}
						if e, ok := abort.Cause(ctx); ok {
							t.Errorf("Cause() = %v, want none", e)
						}
					})
					call := s.Do(s.NewRequest(c.method, "/", nil))
					if r := call.Header(); r.Status != c.status {
						t.Fatalf("response = %+v, want %d", r, c.status)
					}
					time.Sleep(2 * time.Second)
					if o := ended(t, call); o.Abort != nil || o.Status != c.status || o.Sent != c.status {
						t.Errorf("Outcome = %d sent %d, %v, want %d twice, no abort", o.Status, o.Sent, o.Abort, c.status)
					}
				})
			})
		}
	}
}

// A client that leaves before the header is out leaves, whatever the response
// would have been.
func TestA8_BeforeAResponseWithoutABody(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		begun := make(chan struct{}, 1)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(204)
			begun <- struct{}{}
			<-r.Context().Done()
		})
		call := s.Do(s.NewRequest("HEAD", "/", nil))
		take(t, begun, "request")
		call.Leave(aborttest.Timeout)
		if o := ended(t, call); o.Abort == nil {
			t.Errorf("Outcome.Abort = nil, want one")
		}
	})
}

// The Write that waits for the client's window, and the
// context, say it at once; "stream_reset" is the stronger reason.
func TestA8_ResetWhileTheWindowIsClosed(t *testing.T) {
	t.Parallel()
	for _, l := range []link{overH2C, overH2S} {
		for _, attached := range []bool{false, true} {
			for _, m := range mounts {
				for _, a := range asks {
					t.Run(name(l, attached)+" "+m.name+" "+a.name, func(t *testing.T) {
						t.Parallel()
						begun := make(chan struct{}, 1)
						text := strings.Repeat("x", 64<<10)
						s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
							return func(w http.ResponseWriter, r *http.Request) {
								_ = a.arm(s, r.Context())
								begun <- struct{}{}
								for {
									if _, err := io.WriteString(w, text); err != nil {
										return
									}
								}
							}
						}, attach(attached))
						g := s.guest(t)
						for range testkit.Rounds(3, 20) {
							get(t, g)
							await(t, begun, "request")
							if _, err := g.head(t); err != nil {
								t.Fatalf("response: %v, want one", err)
							}
							g.cancel()
							o := await(t, s.ended, "OnEnd")
							left(t, o.Abort, o.Abort != nil, wayStream)
						}
					})
				}
			}
		}
	}
}
