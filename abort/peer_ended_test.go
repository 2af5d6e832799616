package abort_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// The client has all of a response that has no body. Whatever becomes of its stream
// and its connection from then on, it has not left.
func TestN7_ClientIsDone(t *testing.T) {
	cases := []struct {
		name, method string
		status       int
		text         string
	}{
		{"HEAD", "HEAD", 200, ""},
		{"HEAD, 9 KB", "HEAD", 200, strings.Repeat("x", 9<<10)},
		{"204", "GET", 204, ""},
		{"304", "GET", 304, ""},
	}
	for _, l := range []link{overH2C, overH2S} {
		for _, how := range []way{wayStream, wayFIN, wayRST} {
			for _, m := range mounts {
				for _, c := range cases {
					t.Run(l.name+" "+how.name+" "+m.name+" "+c.name, func(t *testing.T) {
						t.Parallel()
						s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
							return func(w http.ResponseWriter, r *http.Request) {
								ctx := r.Context()
								s.register(ctx)
								abort.AfterFunc(ctx, func(context.Context) { t.Error("a function of AfterFunc runs, want no abort") })
								w.WriteHeader(c.status)
								io.WriteString(w, c.text)
								flush(w)
								waits(t, outer(ctx))
								if err := abort.Wrap(ctx, io.EOF); err != io.EOF {
									t.Errorf("Wrap(EOF) = %v, want it unchanged", err)
								}
							}
						})
						g := s.guest(t)
						g.begin(t, c.method, "/", nil)
						if res, err := g.head(t); err != nil || res.StatusCode != c.status {
							t.Fatalf("response = %v, %v, want %d", res, err, c.status)
						}
						how.do(g)
						if o := s.outcome(t, 0); o.Abort != nil || o.Status != c.status || o.Sent != c.status {
							t.Errorf("Outcome = %d sent %d, %v, want %d twice, no abort", o.Status, o.Sent, o.Abort, c.status)
						}
					})
				}
			}
		}
	}
}
