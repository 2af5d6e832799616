package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// A proxy that something beside it stops in the middle of a body does not let half of
// it look complete. Under Detach that needs the handler's context: an exit with a
// thread's own ends the response at once (X11), and what stood looks complete.
func TestHostile_ProxyStopped(t *testing.T) {
	more := make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("x", 5000))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-more:
		}
	}))
	defer up.Close()
	defer close(more)
	to, _ := url.Parse(up.URL)
	for _, h2 := range []bool{false, true} {
		for name, code := range map[string]exitcode.Code{"503": 503, "403": 403} {
			for _, place := range []string{"plain", "detach, own context"} {
				t.Run(name+" "+place, func(t *testing.T) {
					life := middleware.New(middleware.Options{})
					proxy := httputil.NewSingleHostReverseProxy(to)
					proxy.FlushInterval = -1
					begun := make(chan struct{})
					h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						_, _ = thread.Spawn(r.Context(), func(ctx context.Context) error {
							<-begun
							if place == "detach, own context" {
								ctx = r.Context()
							}
							_ = exitcode.Exit(ctx, code)
							return nil
						})
						proxy.ServeHTTP(w, r)
					}))
					if place != "plain" {
						h = life.Detach(h)
					}
					s := httptest.NewUnstartedServer(life.Handler(h))
					s.EnableHTTP2 = h2
					s.StartTLS()
					defer s.Close()
					c := s.Client()
					c.Timeout = 10 * time.Second
					res, err := c.Get(s.URL)
					if err != nil {
						t.Fatal(err)
					}
					defer res.Body.Close()
					_, _ = io.ReadFull(res.Body, make([]byte, 10))
					close(begun)
					n, err := io.Copy(io.Discard, res.Body)
					if err == nil || errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("h2 %t: %d, %d bytes, error %v, want it cut", h2, res.StatusCode, n, err)
					}
				})
			}
		}
	}
}
