//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package abort_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// late is a connection's context. Package context asks for its Done as the last
// thing that net/http's cancel does, after the contexts below have ended and
// before net/http tells CloseNotify.
type late struct {
	context.Context
	armed  atomic.Bool
	looked chan struct{}
	over   <-chan struct{}
}

func (l *late) Done() <-chan struct{} {
	if l.armed.CompareAndSwap(true, false) {
		select {
		case <-l.looked:
			<-time.After(time.Millisecond) // and the look is under way
		case <-l.over:
		}
	}
	return l.Context.Done()
}

type lateKey struct{}

func (l *late) Value(key any) any {
	if key == (lateKey{}) {
		return l
	}
	return l.Context.Value(key)
}

// net/http ends its context first, and says after that, to CloseNotify, that it
// was its reader that met an end. With a close_notify alone nothing else does.
func TestA3_CloseNotifyJustAfterTheContext(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			ready, ended := make(chan struct{}), make(chan error, 1)
			s := open(t, overTLS, m, abort.Options{}, func(s *site) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					called, _ := s.register(ctx)
					l := ctx.Value(lateKey{}).(*late)
					l.armed.Store(true)
					close(ready)
					waits(t, outer(ctx))
					close(l.looked)
					if _, ok := abort.Cause(ctx); ok {
						s.called(called)
					}
					ended <- ctx.Err()
				}
			}, func(srv *http.Server) {
				srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
					return &late{Context: abort.ConnContext(ctx, c), looked: make(chan struct{}), over: t.Context().Done()}
				}
			})
			g := s.guest(t)
			g.begin(t, "GET", "/", nil)
			await(t, ready, "handler")
			wayNotify.do(g)
			if err := await(t, ended, "handler's end"); err != nil {
				t.Errorf("after close_notify: the handler's Err() = %v, want nil", err)
			}
			o := s.outcome(t, 1)
			left(t, o.Abort, o.Abort != nil, wayNotify)
		})
	}
}
