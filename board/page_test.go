package board_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// The format is that of the query, of the path, of the Accept field; curl gets text.
func TestL1_Formats(t *testing.T) {
	t.Parallel()
	h := board.NewWith(middleware.New(middleware.Options{}), board.Options{Allow: everybody})
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, c := range []struct {
		target, accept string
		status         int
		want           string // Content-Type
	}{
		{"/debug/requests", "*/*", 200, "text/plain; charset=utf-8"},
		{"/debug/requests", "", 200, "text/plain; charset=utf-8"},
		{"/debug/requests", browser, 200, "text/html; charset=utf-8"},
		{"/debug/requests", "application/json", 200, "application/json"},
		{"/debug/requests.json", browser, 200, "application/json"},
		{"/debug/requests.txt", browser, 200, "text/plain; charset=utf-8"},
		{"/debug/requests?format=json", browser, 200, "application/json"},
		{"/debug/requests?format=text", browser, 200, "text/plain; charset=utf-8"},
		{"/debug/requests.json?format=html", "", 200, "text/html; charset=utf-8"},
		{"/debug/requests?format=xml", browser, 400, "text/plain; charset=utf-8"},
	} {
		r := httptest.NewRequest("GET", c.target, nil)
		r.Header.Set("Accept", c.accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Type"); w.Code != c.status || got != c.want {
			t.Errorf("GET %s with Accept %q = %d, %q, want %d, %q", c.target, c.accept, w.Code, got, c.status, c.want)
		}
	}
	for _, format := range []string{"html", "json", "text", "events"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("HEAD", "/debug/requests?format="+format, nil))
		if w.Code != 200 || w.Header().Get("Content-Type") == "" {
			t.Errorf("HEAD for %s = %d, %v, want the fields of GET", format, w.Code, w.Header())
		}
	}
}

// The page is one file, whose style and script alone its policy lets run.
func TestL5_Policy(t *testing.T) {
	t.Parallel()
	h := board.New(middleware.New(middleware.Options{}))
	ok := asked(h, "127.0.0.1:1", "localhost", "Accept", "text/html")
	refused := asked(h, "192.0.2.1:1", "localhost", "Accept", "text/html")
	for _, w := range []*httptest.ResponseRecorder{ok, refused} {
		policy, page := w.Header().Get("Content-Security-Policy"), w.Body.String()
		for _, m := range regexp.MustCompile(`(?s)<(style|script)[^>]*>(.*?)</(?:style|script)>`).FindAllStringSubmatch(page, -1) {
			sum := sha256.Sum256([]byte(m[2]))
			if want := m[1] + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
				t.Errorf("policy = %q, want %q in it", policy, want)
			}
		}
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy = %q, want one that begins with nothing, and nothing unsafe", policy)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "SAMEORIGIN",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		for _, never := range []string{" style=", " onclick=", "http://", "https://", "innerHTML", "eval("} {
			if strings.Contains(strings.ReplaceAll(page, "http://localhost:8080", ""), never) &&
				!(never == "http://" && strings.Count(page, "http://") == strings.Count(page, "http://www.w3.org/2000/svg")+strings.Count(page, "http://localhost:8080")) {
				t.Errorf("the page has %q, want it without", never)
			}
		}
	}
	file, err := os.ReadFile("board.html")
	if err != nil || ok.Body.String() != string(file) {
		t.Errorf("the page is not board.html, %v, want that file as it is", err)
	}
}
