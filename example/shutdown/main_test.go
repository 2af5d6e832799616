package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
)

// A stream and a task are at work when the program is told to stop: the stream ends whole
// when the lag is over, and the task is waited for before the database is closed.
func TestShutdown_LosesNothing(t *testing.T) {
	for _, p := range []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2} {
		t.Run(string(p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var began time.Time
				closed := make(chan time.Duration, 1)
				life := newLife(func(context.Context) error { closed <- time.Since(began); return nil })
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				c := aborttest.Start(t, aborttest.Options{Protocols: []aborttest.Protocol{p}, Lifecycle: life,
					Serve: func(srv *http.Server, ln net.Listener) error {
						ended <- life.Serve(ctx, srv, ln)
						return nil
					}}, router(life))
				stream := c.Get("/events")
				stream.Body(1)
				if res := c.Post("/tasks", "text/plain", strings.NewReader("x")).Response(); res.Body != "got the task!\n" {
					t.Errorf("Response = %+v, want got the task!", res)
				}
				began = time.Now()
				cancel() // SIGTERM
				time.Sleep(time.Second)
				if res := c.Get("/ready").Response(); res.Status != 503 {
					t.Errorf("Response = %+v, want 503 during the lag", res)
				}
				if res := stream.Response(); res.Err != nil || strings.Count(res.Body, "data: ") < 5 || time.Since(began) > 6*time.Second {
					t.Errorf("Response = %+v after %v, want the stream whole, after 5s", res, time.Since(began))
				}
				if err := <-ended; err != nil {
					t.Errorf("Serve() = %v, want nil: nothing was given up", err)
				}
				if at := <-closed; at != 12*time.Second {
					t.Errorf("the database was closed after %v, want after the task, 12s", at)
				}
			})
		})
	}
}
