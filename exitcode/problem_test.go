package exitcode_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
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
