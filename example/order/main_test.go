package main

import (
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func each(t *testing.T, body func(t *testing.T, c *aborttest.Client, work <-chan error, log func() string)) {
	for _, p := range []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2} {
		t.Run(string(p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, done := &strings.Builder{}, make(chan error, 1)
				life := middleware.New(middleware.Options{Slog: slog.New(slog.NewTextHandler(text, nil))})
				h := router(life, func(ctx context.Context) error {
					time.Sleep(time.Minute)
					done <- ctx.Err()
					return nil
				})
				c := aborttest.Start(t, aborttest.Options{Protocols: []aborttest.Protocol{p}, Lifecycle: life}, h)
				body(t, c, done, func() string { synctest.Wait(); return text.String() })
			})
		})
	}
}

func request(c *aborttest.Client, method, path string) *http.Request {
	r := c.NewRequest(method, path, nil)
	r.SetBasicAuth("ann", "secret")
	return r
}

// The compressor outside finishes its stream with the response, and the work after that
// outlives the Timeout.
func TestOrder_Task(t *testing.T) {
	each(t, func(t *testing.T, c *aborttest.Client, work <-chan error, log func() string) {
		r := request(c, "POST", "/tasks")
		r.Header.Set("Accept-Encoding", "gzip")
		began := time.Now()
		res := c.Do(r).Response()
		z, err := gzip.NewReader(strings.NewReader(res.Body))
		if err != nil {
			t.Fatalf("Response = %+v, %v, want it compressed", res, err)
		}
		if text, err := io.ReadAll(z); string(text) != "got the task!\n" || err != nil || time.Since(began) != 0 {
			t.Errorf("the response is %q, %v after %v, want it whole at once", text, err, time.Since(began))
		}
		if err := <-work; err != nil {
			t.Errorf("the context of the work: %v, want nil after a minute", err)
		}
		if text := log(); !strings.Contains(text, "user=ann") || !strings.Contains(text, "route=/tasks") {
			t.Errorf("the log is\n%s\nwant the user and the route", text)
		}
	})
}

// A panic, and a request without credentials, have their pages, and one line in the log.
func TestOrder_Pages(t *testing.T) {
	each(t, func(t *testing.T, c *aborttest.Client, _ <-chan error, log func() string) {
		if res := c.Do(request(c, "GET", "/panic")).Response(); res.Status != 500 || res.Body != "500 Internal Server Error\n" {
			t.Errorf("Response = %+v, want 500 with its page", res)
		}
		if res := c.Get("/panic").Response(); res.Status != 401 {
			t.Errorf("Response = %+v, want 401", res)
		}
		if text := log(); strings.Count(text, "status=401") != 1 || strings.Count(text, "status=500") != 1 {
			t.Errorf("the log is\n%s\nwant a line for each request", text)
		}
	})
}
