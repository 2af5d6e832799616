package thread_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// wraps are the middlewares that threads may find themselves in.
func wraps(t *testing.T) map[string]func(http.Handler) http.Handler {
	t.Helper()
	b := eof.New(eof.Options{OnPanic: func(v any, _ []byte) { t.Errorf("OnPanic(%v), want no call", v) }})
	t.Cleanup(func() { _ = b.Shutdown(context.Background()) })
	t.Cleanup(func() {
		if err := b.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	return map[string]func(http.Handler) http.Handler{"Handler": b.Handler, "Detach": b.Detach}
}

// run runs body for each protocol and middleware, with a function that serves
// a handler inside of that.
func run(t *testing.T, body func(t *testing.T, serve func(http.HandlerFunc) *pipenet.Server)) {
	t.Helper()
	for _, name := range []string{"Handler", "Detach"} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				wrap := wraps(t)[name]
				body(t, func(h http.HandlerFunc) *pipenet.Server { return pipenet.Start(t, p, wrap(h)) })
			})
		})
	}
}

// runDetached is run for Detach alone.
func runDetached(t *testing.T, body func(t *testing.T, serve func(http.HandlerFunc) *pipenet.Server)) {
	t.Helper()
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		wrap := wraps(t)["Detach"]
		body(t, func(h http.HandlerFunc) *pipenet.Server { return pipenet.Start(t, p, wrap(h)) })
	})
}

// get reads the whole response to a GET of path.
func get(t *testing.T, s *pipenet.Server, path string) (status int, body string) {
	t.Helper()
	res, err := s.Get(path)
	if err != nil {
		t.Fatalf("Get(%q) = %v, want a response", path, err)
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		t.Errorf("Get(%q): reading the body fails with %v", path, err)
	}
	return res.StatusCode, string(b)
}

func wantAnswer(t *testing.T, s *pipenet.Server, path string, status int, body string) {
	t.Helper()
	if st, b := get(t, s, path); st != status || b != body {
		t.Errorf("Get(%q) = %d %q, want %d %q", path, st, b, status, body)
	}
}

// at checks how much of the bubble's time has passed since start.
func at(t *testing.T, what string, start time.Time, want time.Duration) {
	t.Helper()
	if d := time.Since(start); d != want {
		t.Errorf("%s at +%v, want +%v", what, d, want)
	}
}

// wantErr checks an error under errors.Is.
func wantErr(t testing.TB, call string, got, want error) {
	t.Helper()
	if want == nil && got != nil || want != nil && !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", call, got, want)
	}
}
