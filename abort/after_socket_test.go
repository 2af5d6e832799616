package abort_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// The functions are told of every end that the callback is told of, though the handler
// itself asks for nothing.
func TestC9_AfterFunc_Sockets(t *testing.T) {
	for _, l := range links {
		begin := get
		if !l.h2 {
			begin = func(t *testing.T, g *guest) { g.write(t, post(5, 2)+"pipelined") }
		}
		ways := []way{wayFIN, wayRST}
		switch {
		case l.h2:
			ways = []way{wayStream, wayFIN.either(), wayRST.either()}
		case l.secure:
			ways[0] = wayTLS
		}
		for _, how := range ways {
			t.Run(l.name+" "+how.name, func(t *testing.T) { departsBehind(t, l, how, begin, "", byAfterFunc) })
		}
	}
}

// On a hijacked connection, too, and not before all that was received has been read.
func TestC9_AfterFunc_Hijacked(t *testing.T) {
	for _, l := range []link{overTCP, overTLS} {
		for _, m := range mounts {
			t.Run(l.name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				ready, read, found := make(chan struct{}), make(chan struct{}), make(chan *abort.Error, 1)
				s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						never := abort.AfterFunc(r.Context(), func(context.Context) { t.Error("a function that was stopped runs") })
						c, err := takes(w)
						if err != nil {
							t.Errorf("Hijack() = %v, want nil", err)
							return
						}
						defer c.Close()
						called := make(chan *abort.Error, 1)
						abort.AfterFunc(r.Context(), func(ctx context.Context) {
							e, _ := abort.Cause(ctx)
							called <- e
						})
						if !never() {
							t.Error("stop() = false after Hijack, want true")
						}
						close(ready)
						<-read
						if !l.secure && len(called) > 0 {
							t.Error("f runs while bytes of the client are unread")
						}
						io.ReadFull(c, make([]byte, 8))
						found <- s.called(called)
					}
				})
				g := s.guest(t)
				g.upgrade(t)
				await(t, ready, "handler")
				g.write(t, "its last")
				how := map[bool]way{false: wayFIN, true: wayTLS}[l.secure]
				how.do(g)
				s.seesTheEnd(t)
				close(read)
				e := await(t, found, "function")
				left(t, e, e != nil, how)
				if o := s.outcome(t, 0); !o.Hijacked || o.Status != 101 || o.Abort != e {
					t.Errorf("Outcome = %+v, want 101, hijacked, the abort", o)
				}
			})
		}
	}
}
