package abort_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// A client of HTTP/2 resets its stream, and then ends the connection, of which net/http
// tells the hook nothing but StateClosed. The handler asks after that for the first time,
// or lastbyte is given the request after that: it is the client all the same who left.
func TestA8_AskedWhenTheConnectionIsGone(t *testing.T) {
	for _, l := range []link{overH2C, overH2S} {
		for _, attached := range []bool{false, true} {
			for _, how := range []way{wayFIN.either(), wayClose.either(), wayRST.either()} {
				for _, m := range mounts {
					for _, a := range append(asks, byAfterFunc) {
						for _, begun := range []bool{false, true} {
							when := map[bool]string{false: " before lastbyte", true: " in the handler"}[begun]
							t.Run(name(l, attached)+" "+how.name+" "+m.name+" "+a.name+when, func(t *testing.T) {
								t.Parallel()
								askWhenGone(t, l, attached, how, m, a, begun)
							})
						}
					}
				}
			}
		}
	}
}

// askWhenGone has a request wait for the end of its connection, in its handler if begun,
// else outside of lastbyte.
func askWhenGone(t *testing.T, l link, attached bool, how way, m mount, a ask, begun bool) {
	arrived, found, gone := make(chan context.Context, 1), make(chan seen, 1), make(chan struct{})
	wait := func(own context.Context) {
		arrived <- own
		select {
		case <-gone:
		case <-t.Context().Done():
		}
	}
	s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			if begun {
				wait(outer(r.Context()))
			}
			e, ok := a.wait(s, r.Context())
			found <- seen{e, ok}
		}
	}, attach(attached), func(srv *http.Server) {
		srv.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				close(gone)
			}
		}
		inside := srv.Handler
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !begun && r.URL.Path != "/hello" {
				wait(r.Context())
			}
			inside.ServeHTTP(w, r)
		})
	})
	g := s.guest(t)
	get(t, g)
	own := await(t, arrived, "request")
	g.cancel()
	await(t, own.Done(), "RST_STREAM")
	how.do(g)
	got := await(t, found, "end of the client")
	left(t, got.e, got.ok, how)
	o := s.outcome(t, a.calls)
	if o.Status != a.status || o.Abort == nil || o.Abort != got.e {
		t.Errorf("Outcome = %d, %v, want %d, %v", o.Status, o.Abort, a.status, got.e)
	}
}
