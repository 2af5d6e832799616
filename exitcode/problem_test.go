package exitcode_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func TestPlainText(t *testing.T) {
	t.Parallel()
	for code, want := range map[exitcode.Code]string{
		404: "404 Not Found\n", 503: "503 Service Unavailable\n", 799: "799\n", 201: "201 Created\n",
	} {
		w := httptest.NewRecorder()
		exitcode.PlainText(w, httptest.NewRequest("GET", "/", nil), code)
		if w.Code != int(code) || w.Body.String() != want || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("PlainText(%d) = %d, %q, %v, want %q", int(code), w.Code, w.Body, w.Header(), want)
		}
	}
}

// RFC 9457: the members, and with about:blank the title is the status's phrase.
func TestProblemJSON(t *testing.T) {
	t.Parallel()
	for code, title := range map[exitcode.Code]string{
		404: "Not Found", 503: "Service Unavailable", 418: "I'm a teapot", 799: "799",
	} {
		w := httptest.NewRecorder()
		exitcode.ProblemJSON(w, httptest.NewRequest("GET", "/", nil), code)
		check(t, "status", w.Code, int(code))
		check(t, "Content-Type", w.Header().Get("Content-Type"), "application/problem+json")
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("ProblemJSON(%d) wrote %q: %v", int(code), w.Body, err)
		}
		if len(got) != 4 || got["type"] != "about:blank" || got["title"] != title || got["status"] != float64(code) || got["instance"] != "/" {
			t.Errorf("ProblemJSON(%d) = %v, want type about:blank, title %q, status %d, instance /", int(code), got, title, int(code))
		}
	}
}

// The page of an exit that does not wait for the handler is the same.
func TestX11_PageUnderDetach(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		detach := background(t).Detach
		s := start(t, p, func(h http.Handler) http.Handler { return detach(pages(exitcode.ProblemJSON)(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				threadCtx.exitAfter(t, r.Context(), 503, nil)
				time.Sleep(time.Hour)
			})
		a := s.get("/")
		a.is(t, "GET", 503, `{"type":"about:blank","title":"Service Unavailable","status":503,"instance":"/"}`+"\n")
		check(t, "whole after", a.whole, time.Second)
	})
}

// The id of the request, where it is known.
func TestProblemJSON_RequestID(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t)
		life := middleware.New(middleware.Options{})
		drains(t, life)
		page := pages(exitcode.ProblemJSON)
		for _, c := range []struct {
			name, came, want string
			in               wrap
		}{
			{"none", "", "", page},
			{"its own", "abc", "abc", page},
			{"long", strings.Repeat("x", 200), strings.Repeat("x", 128), page},
			{"quotes", `a"b<c`, `a"b<c`, page},
			{"inside Detach", "abc", "abc", func(h http.Handler) http.Handler { return b.Detach(page(h)) }},
			{"Lifecycle", "abc", "abc", func(h http.Handler) http.Handler { return life.Handler(page(h)) }},
			{"Lifecycle, Detach", "abc", "abc", func(h http.Handler) http.Handler { return life.Detach(page(h)) }},
			{"chi's", "abc", "given", func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as its RequestID does
					ctx := context.WithValue(r.Context(), chimiddleware.RequestIDKey, "given")
					life.Handler(page(h)).ServeHTTP(w, r.WithContext(ctx))
				})
			}},
		} {
			for _, path := range []string{"/", "/thread"} {
				s := start(t, p, c.in, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/thread" {
						threadCtx.exitAfter(t, r.Context(), 503, nil)
						time.Sleep(time.Hour)
						return
					}
					_ = exitcode.Exit(r.Context(), 503)
				})
				r := s.NewRequest("GET", path, nil)
				if c.came != "" {
					r.Header.Set("X-Request-Id", c.came)
				}
				a := s.do(r)
				var got struct {
					ID string `json:"request_id"`
				}
				err := json.Unmarshal([]byte(a.body), &got)
				switch {
				case c.name == "inside Detach" && path == "/thread" && got.ID == "": // the handler may write to the header
				case got.ID != c.want || err != nil:
					t.Errorf("%s, %s: page %q, %v, want the id %q", c.name, path, a.body, err, c.want)
				}
			}
		}
	})
}
