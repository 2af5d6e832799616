package aborttest_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
)

func TestRecipe_StreamWhoseReaderLeaves(t *testing.T) {
	var tokens atomic.Int32 // what the model has made, and somebody pays for
	chat := func(w http.ResponseWriter, r *http.Request) {
		for query(r.Context(), 100*time.Millisecond) == nil {
			_, _ = fmt.Fprintf(w, "data: token %d\n\n", tokens.Add(1))
			if err := http.NewResponseController(w).Flush(); abort.Wrap(r.Context(), err) != nil {
				return
			}
		}
	}
	aborttest.Run(t, http.HandlerFunc(chat), func(t *testing.T, c *aborttest.Client) {
		tokens.Store(0)
		call := c.Get("/chat")
		call.Body(len("data: token 1\n\n") * 5) // the reader has seen enough
		call.Leave(aborttest.Timeout)
		if o := call.Outcome(); o.Abort == nil || o.Status != 200 || o.Duration > 600*time.Millisecond {
			t.Errorf("Outcome = %+v, want an abort in the middle of a 200, at once", o)
		}
		time.Sleep(time.Hour)
		if n := tokens.Load(); n > 6 {
			t.Errorf("the model has made %d tokens, want no more than 6", n)
		}
	})
}
