package middleware_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A goroutine that nobody has waited for may fail after the end, when the request is in
// the hands of those outside again: its line is written, and reads nothing of theirs.
func TestLog_OfAForgottenGoroutine(t *testing.T) {
	eachLogger(t, middleware.Options{}, func(t *testing.T, p pipenet.Proto, m mount, life *middleware.Lifecycle, log *lines) {
		ended, done := make(chan struct{}), make(chan struct{})
		h := m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			go func() {
				defer close(done)
				<-ended
				_ = exitcode.ExitWith(ctx, errors.New("on purpose"))
			}()
		}))
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			close(ended)
			r.Method, r.URL.Path = "CHANGED", "/changed"
			<-done
		}), life.Attach)
		get(t, s, "/item/7")
		found := false
		for _, line := range log.take(t) {
			message, _ := line["message"].(string)
			found = found || strings.Contains(message, "on purpose")
		}
		if !found {
			t.Error("no line has the error, want one")
		}
	})
}
