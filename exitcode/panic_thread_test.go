package exitcode_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// The panic of a handler comes first: a thread that exits when it is called back for
// that makes no success of it, with and without Detach.
func TestX16_ExitAfterPanic(t *testing.T) {
	for name, wrap := range map[string]func(*middleware.Lifecycle, http.Handler) http.Handler{
		"handler": (*middleware.Lifecycle).Handler, "detach": (*middleware.Lifecycle).Detach,
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				exit := make(chan error, 1)
				life := middleware.New(middleware.Options{})
				t.Cleanup(func() { _ = life.Shutdown(context.Background()) })
				s := pipenet.Start(t, p, wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					_, _ = thread.Spawn(r.Context(), func(ctx context.Context) error {
						<-ctx.Done()
						exit <- exitcode.Exit(ctx, http.StatusOK)
						return nil
					})
					panic("of the handler")
				})), life.Attach)
				if res, err := s.Get("/"); err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					t.Errorf("Get() = %d, %v, want the connection dropped", res.StatusCode, err)
				}
				if err := <-exit; !errors.Is(err, exitcode.ErrEnded) {
					t.Errorf("Exit() after the panic = %v, want %v", err, exitcode.ErrEnded)
				}
			})
		})
	}
}
