package thread_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// mounts are the middlewares that threads may find themselves in.
var mounts = map[string]func(*eof.Background, http.Handler) http.Handler{
	"Handler": (*eof.Background).Handler, "Detach": (*eof.Background).Detach,
}

// run runs body for each protocol and middleware, with a function that serves
// a handler inside of that.
func run(t *testing.T, body func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client)) {
	t.Helper()
	for name := range mounts {
		t.Run(name, func(t *testing.T) { runIn(t, name, body) })
	}
}

// runIn is run for one middleware.
func runIn(t *testing.T, mount string, body func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client)) {
	t.Helper()
	each(t, func(t *testing.T, p aborttest.Protocol) {
		b := eof.New(eof.Options{OnPanic: func(v any, _ []byte) { t.Errorf("OnPanic(%v), want no call", v) }})
		t.Cleanup(func() { wantErr(t, "Shutdown()", b.Shutdown(context.Background()), nil) })
		body(t, func(h http.HandlerFunc) *aborttest.Client { return bare(t, p, mounts[mount](b, h)) })
	})
}

// each runs body for each protocol, in bubbles.
func each(t *testing.T, body func(t *testing.T, p aborttest.Protocol)) {
	t.Helper()
	for _, p := range []aborttest.Protocol{aborttest.HTTP1, aborttest.HTTP2} {
		t.Run(string(p), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { body(t, p) })
		})
	}
}

// bare serves h as it is.
func bare(t *testing.T, p aborttest.Protocol, h http.Handler) *aborttest.Client {
	t.Helper()
	return aborttest.Start(t, aborttest.Options{Protocols: []aborttest.Protocol{p}, Lifecycle: middleware.New(middleware.Options{})}, h)
}

func wantAnswer(t *testing.T, s *aborttest.Client, path string, status int, body string) {
	t.Helper()
	if r := s.Get(path).Response(); r.Status != status || r.Body != body || r.Err != nil {
		t.Errorf("Get(%q) = %+v, want %d %q", path, r, status, body)
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
