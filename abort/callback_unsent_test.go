package abort_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A handler that says nothing has said 200, as the net/http server takes it, and to
// nobody if the client had left before.
func TestC2_SilentHandlerSendsNothing(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s, ctx, call, release := inHandler(t, p, m, asIs)
		abort.On(ctx, func(context.Context) {})
		call.Cancel()
		synctest.Wait()
		release()
		if o := take(t, s.ended, "OnEnd"); o.Status != 200 || o.Sent != 0 || o.Abort == nil {
			t.Errorf("Outcome = %d, sent %d, %v, want 200, nothing sent, an abort", o.Status, o.Sent, o.Abort)
		}
	})
}

// The page of a callback's exit is recorded as its status, and nothing as sent:
// the client was gone before it.
func TestC4_PageIsNotSent(t *testing.T) {
	for name, wrap := range map[string]func(*middleware.Lifecycle, http.Handler) http.Handler{
		"handler": (*middleware.Lifecycle).Handler, "detach": (*middleware.Lifecycle).Detach,
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				ended, begun := make(chan middleware.Outcome, 1), make(chan error, 1)
				life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { ended <- o }})
				defer life.Shutdown(context.Background())
				s := pipenet.Start(t, p, wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					begun <- abort.On(r.Context(), func(ctx context.Context) { exitcode.Exit(ctx, 503) })
					<-r.Context().Done()
				})), life.Attach)
				call := s.Begin(s.NewRequest("GET", "/", nil))
				if err := <-begun; err != nil {
					t.Errorf("On() = %v, want nil", err)
				}
				call.Cancel()
				if o := <-ended; o.Status != 503 || o.Sent != 0 || o.Abort == nil {
					t.Errorf("Outcome has status %d, sent %d, abort %v, want 503, 0 and an abort", o.Status, o.Sent, o.Abort)
				}
			})
		})
	}
}
