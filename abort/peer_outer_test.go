//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package abort_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
)

// A middleware around lastbyte cancels, without a cause, as net/http does. The
// handler is told, the client is not blamed; when it leaves, that is noticed.
func TestN4_OuterCancel(t *testing.T) {
	eachLink(t, []link{overTCP, overTLS}, func(t *testing.T, l link, m mount) {
		outerCancels(t, l, m, asItIs, func() {})
	})
}

// The same long after the ReadTimeout, which has nothing to do with it.
func TestN4_OuterCancel_AfterReadTimeout(t *testing.T) {
	t.Parallel()
	eachLink(t, []link{overTCP, overTLS}, func(t *testing.T, l link, m mount) {
		outerCancels(t, l, m, l.readLimit, func() {
			passes := time.NewTimer(l.limit() + soon)
			defer passes.Stop()
			<-passes.C
		})
	})
}

func outerCancels(t *testing.T, l link, m mount, configure func(*http.Server), before func()) {
	cancels, begun, causes := make(chan context.CancelFunc, 1), make(chan error, 1), make(chan error, 1)
	s := open(t, l, m, abort.Options{}, func(s *site) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			called, err := s.register(ctx)
			begun <- err
			waits(t, ctx)
			causes <- context.Cause(ctx)
			s.called(called)
		}
	}, configure, func(srv *http.Server) {
		inner := srv.Handler
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			cancels <- cancel
			inner.ServeHTTP(w, r.WithContext(ctx))
		})
	})
	g := s.guest(t)
	get(t, g)
	if err := await(t, begun, "request"); err != nil {
		t.Errorf("On() = %v, want nil", err)
	}
	before()
	await(t, cancels, "middleware")()
	if err := await(t, causes, "end of the context"); err != context.Canceled {
		t.Errorf("Cause = %v, want %v", err, context.Canceled)
	}
	if n := s.calls.Load(); n != 0 {
		t.Errorf("%d callbacks ran, want 0: the client is there", n)
	}
	wayRST.do(g)
	o := s.outcome(t, 1)
	left(t, o.Abort, o.Abort != nil, wayRST)
}
