package exitcode_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// details are what no page may be broken by, with what it becomes as text and as JSON.
var details = []struct{ name, detail, text, json string }{
	{"plain", "There is no such task.", "There is no such task.", "There is no such task."},
	{"quotes", `he said "no" \ 'never'`, `he said "no" \ 'never'`, `he said "no" \ 'never'`},
	{"HTML", "</p><script>alert(1)</script>&amp;", "</p><script>alert(1)</script>&amp;", "</p><script>alert(1)</script>&amp;"},
	{"lines", "one\ntwo\tthree", "one\ntwo\tthree", "one\ntwo\tthree"},
	{"a header", "x\r\nInjected: yes\r\n\r\nHTTP/1.1 200 OK\r\n", "x\ufffd\nInjected: yes\ufffd\n\ufffd\nHTTP/1.1 200 OK\ufffd\n",
		"x\r\nInjected: yes\r\n\r\nHTTP/1.1 200 OK\r\n"},
	{"control", "\x00\x1b[2J\x07\u0085", "\ufffd\ufffd[2J\ufffd\ufffd", "\x00\x1b[2J\x07\u0085"},
	{"not UTF-8", "a\xff\xc3b", "a\ufffd\ufffdb", "a\ufffd\ufffdb"},
	{"separators", "a\u2028b\u2029c", "a\u2028b\u2029c", "a\u2028b\u2029c"},
	{"a format", "%s%!d(MISSING)%", "%s%!d(MISSING)%", "%s%!d(MISSING)%"},
	{"long", strings.Repeat("ö", 1<<19), strings.Repeat("ö", 1<<19), strings.Repeat("ö", 1<<19)},
}

// Whatever stands in Detail, the pages are whole, and nothing of it is in a header.
func TestExitError_Detail(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, c := range details {
			h := adapted(func(http.ResponseWriter, *http.Request) error {
				return &exitcode.ExitError{Code: 409, Detail: c.detail, Err: errSecret}
			})
			a := start(t, p, in, h).get("/a")
			a.is(t, c.name+", text", 409, "409 Conflict\n"+c.text+"\n")
			check(t, c.name+", text, UTF-8", utf8.ValidString(a.body), true)
			check(t, c.name+", text, Content-Length", a.length, int64(len(a.body)))
			check(t, c.name+", text, Content-Type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
			check(t, c.name+", text, nosniff", a.header.Get("X-Content-Type-Options"), "nosniff")
			check(t, c.name+", text, Injected", a.header.Get("Injected"), "")

			s := start(t, p, func(h http.Handler) http.Handler { return in(pages(exitcode.ProblemJSON)(h)) }, h)
			a = s.get("/a")
			var got struct{ Title, Detail, Instance string }
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 409 || got.Title != "Conflict" || got.Instance != "/a" {
				t.Errorf("%s, JSON: got %d %q, %v", c.name, a.status, a.body, err)
			}
			check(t, c.name+", JSON, detail", got.Detail, c.json)
			check(t, c.name+", JSON, Injected", a.header.Get("Injected"), "")
			check(t, c.name+", JSON, HTML", strings.ContainsAny(a.body, "<>&"), false)
			head := s.do(s.NewRequest("HEAD", "/a", nil))
			head.is(t, c.name+", HEAD", 409, "")
			check(t, c.name+", HEAD, Content-Length", head.length, int64(len(a.body)))
			s.same()
			check(t, c.name+", log", s.Logs(), "")
		}
	})
}

// On the wire there is one response, and then the next one.
func TestExitError_DetailOnTheWire(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		if p != pipenet.HTTP1 {
			return
		}
		for _, page := range []func(http.ResponseWriter, *http.Request, exitcode.Code){exitcode.PlainText, exitcode.ProblemJSON} {
			for _, c := range details {
				s := start(t, p, pages(page), adapted(func(http.ResponseWriter, *http.Request) error {
					return &exitcode.ExitError{Code: 404, Detail: c.detail}
				}))
				conn := s.Dial()
				go fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				r := bufio.NewReader(conn)
				for i := range 2 {
					res, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Fatalf("%s: response %d: %v", c.name, i, err)
					}
					_, err = io.Copy(io.Discard, res.Body)
					if err != nil || res.StatusCode != 404 || res.Header.Get("Injected") != "" {
						t.Errorf("%s: response %d: %d %v, %v", c.name, i, res.StatusCode, res.Header, err)
					}
				}
				if rest, err := io.ReadAll(r); len(rest) > 0 || err != nil {
					t.Errorf("%s: after the responses: %q, %v", c.name, rest, err)
				}
			}
		}
	})
}

// A page that shows another code hides the exit, and so its Detail.
func TestExitError_DetailOfAnotherCode(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		hide := pages(func(w http.ResponseWriter, r *http.Request, code exitcode.Code) { exitcode.PlainText(w, r, 404) })
		s := start(t, p, func(h http.Handler) http.Handler { return in(hide(h)) }, adapted(func(http.ResponseWriter, *http.Request) error {
			return &exitcode.ExitError{Code: 403, Detail: "the document exists"}
		}))
		s.get("/").is(t, "GET", 404, "404 Not Found\n")
	})
}

// instance is a reference to the path on this server, whatever the path is; and a page
// may be written without an exit.
func TestProblemJSON_Instance(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/":                     "/",
		"/a%2Fb?secret=1":       "/a%2Fb",
		"/ü \"<>":               "/%C3%BC%20%22%3C%3E",
		"//evil.example/a":      "/.//evil.example/a",
		"///evil.example/a":     "/.///evil.example/a",
		"/a//b":                 "/a//b",
		"*":                     "*",
		"/x:y":                  "/x:y",
		"http://other.example/": "/",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		u, err := url.ParseRequestURI(path)
		if err != nil {
			u = &url.URL{Path: path}
		}
		r.URL = u
		w := httptest.NewRecorder()
		exitcode.ProblemJSON(w, r, 404)
		var got struct{ Instance string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Instance != want {
			t.Errorf("%s: got %q, %v, want instance %q", path, w.Body, err, want)
		}
		base, _ := url.Parse("http://here.example/x")
		if ref, err := base.Parse(got.Instance); err != nil || ref.Host != "here.example" {
			t.Errorf("%s: instance %q leads to %v, %v", path, got.Instance, ref, err)
		}
	}
}
