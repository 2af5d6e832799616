package aborttest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
)

func TestRecipe_ShutdownThatGivesWorkUp(t *testing.T) {
	ends := make(chan error, 1)
	reindex := func(w http.ResponseWriter, r *http.Request) {
		if err := eof.Send(r.Context()); err != nil {
			ends <- err
			return
		}
		ends <- query(r.Context(), time.Hour)
	}
	aborttest.RunWith(t, aborttest.Options{Detach: true}, http.HandlerFunc(reindex), func(t *testing.T, c *aborttest.Client) {
		call := c.Post("/reindex", "text/plain", strings.NewReader("all"))
		call.Response()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := c.Server().Shutdown(ctx); err != nil {
			t.Errorf("Server.Shutdown = %v, want nil: the response is out", err)
		}
		err := c.Lifecycle().Shutdown(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "gave up 1 handler (POST, 10.0s)") {
			t.Errorf("Lifecycle.Shutdown = %v, want it to name the handler that was given up", err)
		}
		if err := <-ends; !errors.Is(err, eof.ErrShuttingDown) {
			t.Errorf("the work ended with %v, want %v", err, eof.ErrShuttingDown)
		}
		if o := call.Done(); o.Worked != 10*time.Second {
			t.Errorf("Done = %+v, want 10s of work", o)
		}
	})
}
