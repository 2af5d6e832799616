package aborttest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
)

func TestRecipe_RetryInTheBackground(t *testing.T) {
	tries := 0 // the runs, and what Done waits for, come one after the other
	deliver := func(context.Context) error {
		if tries++; tries < 4 {
			return errors.New("the other side is down")
		}
		return nil
	}
	webhook := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "accepted")
		if err := eof.Send(r.Context()); err != nil {
			return // nobody has the answer
		}
		for wait := time.Minute; deliver(r.Context()) != nil; wait *= 2 {
			time.Sleep(wait)
		}
	}
	aborttest.RunWith(t, aborttest.Options{Detach: true}, http.HandlerFunc(webhook), func(t *testing.T, c *aborttest.Client) {
		tries = 0
		call := c.Post("/hook", "application/json", strings.NewReader("{}"))
		if r := call.Response(); r.Body != "accepted" || r.Err != nil {
			t.Errorf("Response = %+v, want it accepted", r)
		}
		call.Leave(aborttest.Close) // it has its answer: no abort
		if o := call.Done(); o.Worked != 7*time.Minute || o.Abort != nil || tries != 4 {
			t.Errorf("Done = %+v after %d tries, want 4 tries in 7m, and no abort", o, tries)
		}
	})
}
