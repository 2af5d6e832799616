package main

import (
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func each(t *testing.T, body func(t *testing.T, c *aborttest.Client)) {
	life := middleware.New(middleware.Options{})
	aborttest.RunWith(t, aborttest.Options{Lifecycle: life}, router(life), body)
}

// The client has its answer after ten seconds, and the handler is waited for.
func TestTimeouts_Report(t *testing.T) {
	each(t, func(t *testing.T, c *aborttest.Client) {
		began := time.Now()
		call := c.Get("/report")
		if res := call.Response(); res.Status != 504 || res.Body != "504 Gateway Timeout\n" || time.Since(began) != 10*time.Second {
			t.Errorf("Response = %+v after %v, want 504 after 10s", res, time.Since(began))
		}
		if o := call.Done(); o.Status != 504 || o.Worked != 15*time.Second {
			t.Errorf("Done = %+v, want 504, and 15s of work", o)
		}
	})
}

// An upload that stops arriving has a minute.
func TestTimeouts_Upload(t *testing.T) {
	each(t, func(t *testing.T, c *aborttest.Client) {
		if res := c.Post("/upload", "text/plain", strings.NewReader("abc")).Response(); res.Status != 200 || res.Body != "3 bytes\n" {
			t.Errorf("Response = %+v, want 3 bytes", res)
		}
		call := c.Post("/upload", "text/plain", aborttest.Stall(1000))
		if o := call.Outcome(); o.Status != 408 || o.Sent != 0 || o.Duration != time.Minute || o.Abort != nil {
			t.Errorf("Outcome = %+v, want 408 after a minute, and not one byte", o)
		}
	})
}

// A stream has no limit.
func TestTimeouts_Events(t *testing.T) {
	each(t, func(t *testing.T, c *aborttest.Client) {
		call := c.Get("/events")
		call.Body(300 * len("data: 00:00:00\n\n"))
		call.Leave(aborttest.Close)
		if o := call.Outcome(); o.Status != 200 || o.Abort == nil || o.Duration < 299*time.Second {
			t.Errorf("Outcome = %+v, want a stream of five minutes, until the client has left", o)
		}
	})
}
