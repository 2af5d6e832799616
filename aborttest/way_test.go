package aborttest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
)

// waits is a handler that waits for the end of its context.
func waits(w http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
}

// reads reads the request body.
func reads(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }

// writes sends the header, and a moment later writes until that fails. A client that
// reads all of it would stop the clock of the bubble.
func writes(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).Flush()
	time.Sleep(time.Millisecond)
	for chunk := make([]byte, 4<<10); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// streams writes a little from time to time.
func streams(w http.ResponseWriter, r *http.Request) {
	for chunk := make([]byte, 4<<10); ; time.Sleep(100 * time.Millisecond) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
		http.NewResponseController(w).Flush()
	}
}

// Each way to leave, at each moment, is an abort with its own reason.
func TestA18_Reasons(t *testing.T) {
	t.Parallel()
	begin := map[string]struct {
		handler http.HandlerFunc
		call    func(*aborttest.Client) *aborttest.Call
	}{
		"while it waits": {waits, func(c *aborttest.Client) *aborttest.Call { return c.Get("/") }},
		"after the header": {func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Flush()
			waits(w, r)
		}, func(c *aborttest.Client) *aborttest.Call {
			call := c.Get("/")
			call.Header()
			return call
		}},
		"the body unread": {waits, func(c *aborttest.Client) *aborttest.Call {
			return c.Post("/", "text/plain", aborttest.Stall(100))
		}},
		"the body half read": {reads, func(c *aborttest.Client) *aborttest.Call {
			return c.Post("/", "text/plain", aborttest.Stall(100))
		}},
		"after bytes of the response": {streams, func(c *aborttest.Client) *aborttest.Call {
			call := c.Get("/")
			call.Body(10_000)
			return call
		}},
		"while a Write is stuck": {writes, func(c *aborttest.Client) *aborttest.Call {
			call := c.Get("/")
			call.Header()
			call.Leave(aborttest.StopReading)
			return call
		}},
		"after a pipelined byte": {waits, func(c *aborttest.Client) *aborttest.Call {
			call := c.Get("/")
			if c.Protocol() == aborttest.HTTP1 {
				call.Send("G")
			}
			return call
		}},
	}
	reasons := map[aborttest.Way]map[aborttest.Protocol]string{
		aborttest.Close:       {"http1": "closed reset", "http2": "closed reset"},
		aborttest.Reset:       {"http1": "reset", "http2": "reset"},
		aborttest.HalfClose:   {"http1": "closed", "http2": "closed"},
		aborttest.StreamReset: {"http2": "stream_reset"},
		aborttest.Timeout:     {"http1": "closed reset", "http2": "stream_reset"},
	}
	for moment, b := range begin {
		for _, secure := range []bool{false, true} {
			for way, reason := range reasons {
				name := string(way) + " " + moment
				if secure {
					name += " over TLS"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					aborttest.RunWith(t, aborttest.Options{TLS: secure}, b.handler, func(t *testing.T, c *aborttest.Client) {
						if reason[c.Protocol()] == "" {
							return
						}
						if way == aborttest.HalfClose && (strings.Contains(moment, "bytes of") || strings.Contains(moment, "stuck")) {
							return
						}
						start := time.Now()
						call := b.call(c)
						time.Sleep(time.Until(start.Add(2 * time.Second)))
						synctest.Wait()
						call.Leave(way)
						o := call.Outcome()
						if o.Abort == nil || !strings.Contains(reason[c.Protocol()], string(o.Abort.Reason)) || o.Abort.After < 2*time.Second || o.Abort.After > 2200*time.Millisecond {
							t.Errorf("Abort = %v, want %q after 2s\n%s", o.Abort, reason[c.Protocol()], call.Log())
						}
						if res := call.Response(); res.Err == nil {
							t.Errorf("Response() = %v, want an error", res)
						}
					})
				})
			}
		}
	}
}
