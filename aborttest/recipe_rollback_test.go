package aborttest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

func TestRecipe_RollbackOnAbort(t *testing.T) {
	rolledBack := make(chan bool, 1) // one run after the other
	report := func(w http.ResponseWriter, r *http.Request) {
		_ = abort.On(r.Context(), func(ctx context.Context) {
			_ = exitcode.Exit(ctx, exitcode.ClientClosedRequest) // ends the query
			rolledBack <- true                                   // tx.Rollback()
		})
		_ = query(r.Context(), time.Minute)
	}
	aborttest.Run(t, http.HandlerFunc(report), func(t *testing.T, c *aborttest.Client) {
		call := c.Get("/report")
		time.Sleep(2 * time.Second) // of the bubble's time
		call.Leave(aborttest.Close)
		if o := call.Outcome(); o.Status != 499 || o.Duration != 2*time.Second {
			t.Errorf("Outcome = %+v, want 499 after 2s", o)
		}
		if len(rolledBack) == 0 || !<-rolledBack {
			t.Error("the transaction was not rolled back")
		}
	})
}

// query is a query that takes d.
func query(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
