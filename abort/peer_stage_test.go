package abort_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// Where the socket is asked, or net/http is blind, the stage is no other.
func TestA17_Stage_Sockets(t *testing.T) {
	half := func(t *testing.T, g *guest) {
		if g.h2 == nil {
			g.write(t, post(5, 2))
			return
		}
		body, feed := io.Pipe()
		g.begin(t, "POST", "/", body)
		io.WriteString(feed, "he") // the rest never comes; the client closes body
	}
	read := func(_ http.ResponseWriter, r *http.Request, begun chan<- struct{}) {
		io.ReadFull(r.Body, make([]byte, 2))
		begun <- struct{}{}
		io.ReadAll(r.Body)
	}
	for _, st := range []struct {
		name  string
		want  abort.Stage
		begin func(*testing.T, *guest)
		do    func(w http.ResponseWriter, r *http.Request, begun chan<- struct{})
	}{
		{"body unread", abort.StageHandler, half, func(_ http.ResponseWriter, _ *http.Request, begun chan<- struct{}) { begun <- struct{}{} }},
		{"body unread, header out", abort.StageResponse, half, func(w http.ResponseWriter, _ *http.Request, begun chan<- struct{}) {
			http.NewResponseController(w).EnableFullDuplex()
			flush(w)
			begun <- struct{}{}
		}},
		{"in a read", abort.StageRequest, half, read},
		{"header out", abort.StageResponse, get, func(w http.ResponseWriter, _ *http.Request, begun chan<- struct{}) {
			flush(w)
			begun <- struct{}{}
		}},
	} {
		for _, l := range links {
			for _, how := range []way{wayTLS, wayRST} {
				for _, m := range mounts {
					t.Run(strings.Join([]string{st.name, l.name, how.name, m.name}, " "), func(t *testing.T) {
						t.Parallel()
						begun := make(chan struct{}, 1)
						s := open(t, l, m, abort.Options{}, func(*site) http.HandlerFunc {
							return func(w http.ResponseWriter, r *http.Request) {
								done := r.Context().Done()
								st.do(w, r, begun)
								<-done
							}
						})
						g := s.guest(t)
						st.begin(t, g)
						await(t, begun, "handler")
						how.do(g)
						if o := await(t, s.ended, "OnEnd"); o.Abort == nil || o.Abort.Stage != st.want {
							t.Errorf("abort = %+v, want one at stage %q", o.Abort, st.want)
						}
					})
				}
			}
		}
	}
}

// A hijacked connection has the header behind it, whether the handler has written it
// by itself or not.
func TestA17_Stage_Hijacked(t *testing.T) {
	for _, how := range []way{wayClose, wayRST} {
		hijacks(t, how, "", func(s *site, a ask, _ net.Conn, r *http.Request) seen {
			e, ok := a.wait(s, r.Context())
			return seen{e, ok && e.Stage == abort.StageResponse}
		})
	}
}
