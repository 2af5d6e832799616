package abort_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// earlier are requests after which a client goes on on the same connection, if the
// server has kept it.
var earlier = map[string]http.HandlerFunc{
	"return, body unread": func(http.ResponseWriter, *http.Request) {},
	"body read in part":   func(_ http.ResponseWriter, r *http.Request) { r.Body.Read(make([]byte, 1)) },
	"exit, body unread":   func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 404) },
	"exit, body read": func(_ http.ResponseWriter, r *http.Request) {
		io.ReadAll(r.Body)
		exitcode.Exit(r.Context(), 503)
	},
	"exit of a thread": func(_ http.ResponseWriter, r *http.Request) {
		io.ReadAll(r.Body)
		thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, 503) })
		<-r.Context().Done()
	},
	"functions": func(_ http.ResponseWriter, r *http.Request) {
		abort.On(r.Context(), func(context.Context) { panic("the client is there") })
		abort.AfterFunc(r.Context(), func(context.Context) { panic("the client is there") })
		abort.Shield(r.Context()).Done()
	},
	"Send, then work": func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "sent")
		eof.Send(r.Context())
		abort.Wrap(r.Context(), io.EOF)
		abort.AfterFunc(r.Context(), func(context.Context) { panic("the client has its response") })
	},
	"Send, body unread": func(_ http.ResponseWriter, r *http.Request) { eof.Send(r.Context()) },
	"deadlines far off": func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		c.SetReadDeadline(time.Now().Add(time.Hour))
		c.SetWriteDeadline(time.Now().Add(time.Hour))
	},
	"HEAD's header out": func(w http.ResponseWriter, _ *http.Request) { flush(w) },
}

// The next request of a connection is none of an earlier one's affair: it begins with a
// context that is alive, and its client is there.
func TestN9_AnyEarlierRequest(t *testing.T) {
	for _, l := range links {
		for _, m := range mounts {
			for name, first := range earlier {
				t.Run(l.name+" "+m.name+" "+name, func(t *testing.T) {
					t.Parallel()
					s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
						return func(w http.ResponseWriter, r *http.Request) {
							if r.URL.Path == "/first" {
								first(w, r)
								return
							}
							ctx := r.Context()
							err := ctx.Err()
							s.register(ctx)
							abort.AfterFunc(ctx, func(context.Context) { t.Error("a function of AfterFunc runs, want no abort") })
							if e, gone := abort.Cause(ctx); gone || err != nil {
								t.Errorf("the next request begins with Err() = %v, Cause() = %v, want nil twice", err, e)
							}
							io.WriteString(w, "next")
						}
					})
					c := s.Client()
					tr := c.Transport.(*http.Transport)
					if l.secure {
						tr.TLSClientConfig.InsecureSkipVerify = true
					} else if l.h2 {
						tr.Protocols = new(http.Protocols)
						tr.Protocols.SetUnencryptedHTTP2(true)
					}
					for range 5 {
						res, err := c.Post(s.URL+"/first", "text/plain", strings.NewReader("hello"))
						if err != nil {
							t.Fatalf("Post(/first) = %v, want a response", err)
						}
						body(res)
						res, err = c.Get(s.URL + "/next")
						if err != nil {
							t.Fatalf("Get(/next) = %v, want a response", err)
						}
						if text, err := body(res); text != "next" || err != nil {
							t.Errorf("Get(/next) gives %q, %v, want next", text, err)
						}
						for range 2 {
							if o := s.outcome(t, 0); o.Abort != nil {
								t.Errorf("Outcome = %+v, want no abort", o)
							}
						}
					}
				})
			}
		}
	}
}
