package middleware_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// net/http's HTTP/1 server deletes a Content-Length that is no number from the
// handler's map, and says so in its log.
func TestTransparency_InvalidContentLength(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		for _, length := range []string{"x", "-1"} {
			handler := func(seen chan string) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", length)
					io.WriteString(w, "text")
					seen <- w.Header().Get("Content-Length")
				}
			}
			seen, alone := make(chan string, 1), make(chan string, 1)
			get(t, start(t, p, m, middleware.Options{}, handler(seen)).Server, "/")
			get(t, pipenet.Start(t, p, handler(alone)), "/")
			if got, want := take(t, seen, "header"), take(t, alone, "header"); got != want {
				t.Errorf("Content-Length %q is %q after a write, without lastbyte %q", length, got, want)
			}
		}
	})
}
