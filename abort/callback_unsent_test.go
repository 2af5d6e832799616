package abort_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// A handler that says nothing has said 200, as the net/http server takes it, and to
// nobody if the client had left before.
func TestC2_SilentHandlerSendsNothing(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		abort.On(ctx, func(context.Context) {})
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		release()
		if o := ended(t, call); o.Status != 200 || o.Sent != 0 || o.Abort == nil {
			t.Errorf("Outcome = %d, sent %d, %v, want 200, nothing sent, an abort", o.Status, o.Sent, o.Abort)
		}
	})
}

// The page of a callback's exit is recorded as its status, and nothing as sent:
// the client was gone before it.
func TestC4_PageIsNotSent(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		begun := make(chan error, 1)
		s := start(t, p, m, func(_ http.ResponseWriter, r *http.Request) {
			begun <- abort.On(r.Context(), func(ctx context.Context) { exitcode.Exit(ctx, 503) })
			<-r.Context().Done()
		}, func(srv *http.Server) { srv.ConnContext = abort.ConnContext })
		call := s.Get("/")
		if err := <-begun; err != nil {
			t.Errorf("On() = %v, want nil", err)
		}
		call.Leave(aborttest.Timeout)
		if o := ended(t, call); o.Status != 503 || o.Sent != 0 || o.Abort == nil {
			t.Errorf("Outcome has status %d, sent %d, abort %v, want 503, 0 and an abort", o.Status, o.Sent, o.Abort)
		}
	})
}
