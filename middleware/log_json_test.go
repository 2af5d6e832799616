package middleware_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/rs/zerolog"
)

// lineCase is a request whose line has to be as zerolog writes its fields one by one.
type lineCase struct {
	method, path, pattern, id, proto string
	took                             time.Duration
	h                                http.HandlerFunc // nil: nothing
}

// zerolog writes a line's fields as one where it can: no byte of the line tells.
func TestLog_AsZerologHasIt(t *testing.T) {
	var cases []lineCase
	for _, took := range []time.Duration{0, 1, 10, 999_999, 1e6, 1_000_001, 1_500_000, 123_456_789, 2e9, 1e9 + 100,
		999_999_999_999_999, 1e15, 1e15 + 1, 9_007_199_254_740_993} {
		cases = append(cases, lineCase{method: "GET", path: "/", proto: "HTTP/1.1", took: took})
	}
	for _, s := range []string{"", `"`, `\`, "\x00", "\x1f", "~", "\x7f", "ü", "\xff", "<>&\u2028", strings.Repeat("long", 500)} {
		for i := range 5 {
			fields := [5]string{"GET", "/", "/{id}", "the id", "HTTP/1.1"}
			fields[i] += s
			cases = append(cases, lineCase{fields[0], fields[1], fields[2], fields[3], fields[4], 1, nil})
		}
	}
	cases = append(cases, lineCase{}, lineCase{path: "/"}, lineCase{method: "GET"}, lineCase{method: "GET", path: "/a b"})
	for _, h := range []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 12345)) },
		func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 404) },
		func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), exitcode.Error) },
		func(w http.ResponseWriter, r *http.Request) {
			_ = middleware.SetAttrs(r.Context(), slog.String("user", `"`), slog.Group("a", slog.Int("b", 1)))
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	} {
		cases = append(cases, lineCase{"GET", "/", "/{id}", "the id", "HTTP/2.0", 1, h})
	}
	defer func(p int) { zerolog.FloatingPointPrecision = p }(zerolog.FloatingPointPrecision)
	for _, precision := range []int{-1, 0, 3} {
		zerolog.FloatingPointPrecision = precision
		for _, c := range cases {
			synctest.Test(t, c.test)
		}
	}
}

func (c lineCase) test(t *testing.T) {
	var got, want bytes.Buffer
	logger := func(to *bytes.Buffer) *zerolog.Logger {
		l := zerolog.New(to).With().Str("app", "mine").Logger().Hook(zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, text string) {
			e.Str("hook", text)
		}))
		return &l
	}
	life := newLife(t, middleware.Options{
		Logger: *logger(&got),
		OnEnd: func(_ *http.Request, o middleware.Outcome) {
			e := logger(&want).Info()
			if o.Status >= 500 {
				e = logger(&want).Error()
			}
			if c.method != "" || c.path != "" {
				e.Str("method", c.method).Str("path", c.path)
			}
			for _, field := range [][2]string{{"route", c.pattern}, {"request_id", c.id[:min(len(c.id), 128)]}} {
				if field[1] != "" {
					e.Str(field[0], field[1])
				}
			}
			e.Str("proto", c.proto).EmbedObject(o).Msg("request")
		},
	})
	req := &http.Request{Method: c.method, URL: &url.URL{Path: c.path}, Proto: c.proto, ProtoMajor: 1, ProtoMinor: 1, Pattern: c.pattern, Header: http.Header{}}
	if c.id != "" {
		req.Header.Set("X-Request-Id", c.id)
	}
	life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(c.took)
		if c.h != nil {
			c.h(w, r)
		}
	})).ServeHTTP(httptest.NewRecorder(), req)
	if got.Len() == 0 || got.String() != want.String() {
		t.Errorf("the line is\n%swant\n%s", got.String(), want.String())
	}
}
