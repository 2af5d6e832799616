package abort_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// To learn whether the server was closing, lastbyte called
// Serve with a listener of its own, and with that the user's BaseContext, on a
// goroutine that does not recover: the assertion below ended the process when an
// HTTP/2 client closed its connection.
func TestA8_BaseContextIsCalledByTheServerAlone(t *testing.T) {
	for _, l := range []link{overH2C, overH2S} {
		for _, attached := range []bool{false, true} {
			for _, how := range []way{wayFIN.either(), wayRST.either()} {
				t.Run(name(l, attached)+" "+how.name, func(t *testing.T) {
					t.Parallel()
					var calls atomic.Int32
					var addr atomic.Pointer[net.TCPAddr]
					begun := make(chan struct{}, 1)
					s := open(t, l, mounts[0], abort.Options{}, func(s *site) http.HandlerFunc {
						return func(_ http.ResponseWriter, r *http.Request) {
							called, _ := s.register(r.Context())
							begun <- struct{}{}
							s.called(called)
						}
					}, func(srv *http.Server) {
						srv.BaseContext = func(ln net.Listener) context.Context {
							addr.Store(ln.Addr().(*net.TCPAddr))
							calls.Add(1)
							return context.Background()
						}
					}, attach(attached))
					for i := range int32(departures) {
						g := s.guest(t)
						get(t, g)
						await(t, begun, "request")
						how.do(g)
						o := s.outcome(t, i+1)
						left(t, o.Abort, o.Abort != nil, how)
					}
					if n := calls.Load(); n != 1 {
						t.Errorf("BaseContext was called %d times, want once", n)
					}
				})
			}
		}
	}
}
