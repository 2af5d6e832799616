package aborttest_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
)

// A request that a handler sends by HTTP, with its own request's context, is a Call of its
// own: the client that leaves is the handler's. With HTTP/2 both are on one connection, so
// the handler's request may fail before the server has noticed that the client left: who
// returned then would have ended the request himself.
func TestClient_HTTPInAHandler(t *testing.T) {
	var client *http.Client
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/upstream" {
			waits(w, r)
			return
		}
		req, err := http.NewRequestWithContext(r.Context(), "GET", "http://example.com/upstream", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if res, err := client.Do(req); err == nil {
			_, _ = io.Copy(w, res.Body)
			_ = res.Body.Close()
		}
		waits(w, r)
	})
	aborttest.Run(t, h, func(t *testing.T, c *aborttest.Client) {
		client = c.HTTP()
		outer := c.Get("/proxy")
		outer.Arrived()
		synctest.Wait()
		if n := len(c.Calls()); n != 2 {
			t.Fatalf("there are %d calls, want that of the test and that of the handler", n)
		}
		outer.Leave(aborttest.Close)
		for _, call := range c.Calls() {
			if o := call.Done(); o.Abort == nil {
				t.Errorf("%s: Outcome = %+v, want an abort", call, o)
			}
		}
	})
}

// Done does not wait for another handler whose request began at the same moment of the
// bubble, on the same connection of HTTP/2.
func TestCall_DoneOfTwoAtOnce(t *testing.T) {
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = eof.Send(r.Context())
		work, err := time.ParseDuration(r.URL.Query().Get("for"))
		if err != nil {
			t.Error(err)
		}
		time.Sleep(work)
	})
	aborttest.RunWith(t, aborttest.Options{Detach: true}, h, func(t *testing.T, c *aborttest.Client) {
		start := time.Now()
		short, long := c.Get("/?for=1m"), c.Get("/?for=50m")
		if o := short.Done(); o.Worked != time.Minute || time.Since(start) != time.Minute {
			t.Errorf("Done() = %+v after %v, want 1m of work", o, time.Since(start))
		}
		if o := long.Done(); o.Worked != 50*time.Minute {
			t.Errorf("Done() = %+v, want 50m of work", o)
		}
	})
}
