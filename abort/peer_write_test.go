//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package abort_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// The client resets the connection while the handler writes. Three goroutines
// notice, in any order, and net/http closes the socket for it.
func TestA9_ResetDuringWrites(t *testing.T) {
	t.Parallel()
	eachLink(t, []link{overTCP, overTLS}, func(t *testing.T, l link, m mount) {
		for _, registers := range []bool{true, false} {
			begun, errs := make(chan error, 1), make(chan error, 1)
			s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					ctx.Done()
					var called <-chan *abort.Error
					var err error
					if registers {
						called, err = s.register(ctx)
					}
					begun <- err
					for some := make([]byte, 64<<10); err == nil; {
						_, err = w.Write(some)
					}
					if registers {
						s.called(called)
						errs <- errors.Join(abort.Wrap(ctx, err), ctx.Err())
					} else {
						waits(t, ctx)
						errs <- context.Cause(ctx)
					}
				}
			})
			for i := range int32(testkit.Rounds(8, 50)) {
				g := s.guest(t)
				get(t, g)
				if err := await(t, begun, "request"); err != nil {
					t.Fatalf("On() = %v, want nil", err)
				}
				wayRST.do(g)
				err := await(t, errs, "end of the client")
				if !errors.Is(err, abort.ErrClientAborted) || errors.Is(err, context.Canceled) {
					t.Errorf("callback %t: the handler met %v, want %v, and its context alive with a callback",
						registers, err, abort.ErrClientAborted)
				}
				calls := int32(0)
				if registers {
					calls = i + 1
				}
				o := s.outcome(t, calls)
				left(t, o.Abort, o.Abort != nil, way{"RST", nil, abort.Reset, abort.WriteFailed})
			}
		}
	})
}
