//go:build go1.27

package aborttest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// The in-memory server of net/http/httptest has connections that say nothing: lastbyte
// works there, without a reason.
func TestHTTPTest_NewTestServer(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "http1", true: "http2"}[http2], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ends := make(chan middleware.Outcome, 1)
				life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { ends <- o }})
				s := httptest.NewTestServer(t, life.Handler(http.HandlerFunc(waits)))
				s.EnableHTTP2 = http2
				life.Attach(s.Config)
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				scheme := map[bool]string{false: "http", true: "https"}[http2]
				req, err := http.NewRequestWithContext(ctx, "GET", scheme+"://example.com/", nil)
				if err != nil {
					t.Fatal(err)
				}
				if res, err := s.Client().Do(req); err == nil {
					t.Errorf("Do = %v, want a timeout", res.Status)
				}
				if o := <-ends; o.Abort == nil || o.Abort.After != 2*time.Second || o.Abort.Reason != "unverified" {
					t.Errorf("Outcome = %+v, want an abort after 2s, unverified", o)
				}
				if err := life.Shutdown(t.Context()); err != nil {
					t.Errorf("Shutdown = %v, want nil", err)
				}
			})
		})
	}
}
