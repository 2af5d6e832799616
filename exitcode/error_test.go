package exitcode_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestX3_StatusAndPage(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		statusAndPage(t, p, in, 300, 301, 400, 401, 404, 409, 500, 503, 598, 599)
	})
}

func TestX4_StatusAndPage(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) { statusAndPage(t, p, in, 600, 601, 799, 998, 999) })
}

func statusAndPage(t *testing.T, p pipenet.Proto, in wrap, codes ...int) {
	s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
		code := pathCode(r)
		isErr(t, fmt.Sprintf("Exit(%d)", code), exitcode.Exit(r.Context(), code), nil)
		check(t, "the cause", causeCode(r.Context()), code)
		refusedWrites(t, w)
	})
	for _, code := range codes {
		a := s.get(fmt.Sprintf("/%d", code))
		what := fmt.Sprintf("Exit(%d)", code)
		a.is(t, what, code, exitcode.Code(code).String()+"\n")
		check(t, what+", Content-Length", a.length, int64(len(a.body)))
		check(t, what+", Content-Type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
		check(t, what+", After", a.header.Get("After"), "")
		s.recorded(code)
	}
	s.same()
	check(t, "log", s.Logs(), "")
}

func TestX3_NotModifiedHasNoBody(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Location", "/here")
			exitcode.Exit(r.Context(), http.StatusNotModified)
		})
		for range 2 { // the second shows that no byte is left over
			a := s.get("/")
			a.is(t, "Exit(304)", 304, "")
			check(t, "Content-Type", a.header.Get("Content-Type"), "")
			check(t, "Content-Location", a.header.Get("Content-Location"), "/here")
			s.recorded(304)
		}
		s.same()
	})
}

func TestX3_Headers(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		body := map[string]string{
			"Content-Length": "70000", "Content-Encoding": "gzip", "Content-Range": "bytes 0-1/2",
			"Transfer-Encoding": "chunked", "Etag": `"v1"`, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
			"Trailer": "Sum", http.TrailerPrefix + "Late": "1",
		}
		kept := map[string]string{
			"Location": "/there", "Retry-After": "120", "Www-Authenticate": "Basic", "X-Request-Id": "7",
			"Cache-Control": "no-store", "Vary": "Origin", "Set-Cookie": "a=b", "Content-Language": "en",
		}
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			for k, v := range body {
				w.Header().Set(k, v)
			}
			for k, v := range kept {
				w.Header().Set(k, v)
			}
			w.Header().Set("Content-Type", "image/png")
			exitcode.Exit(r.Context(), pathCode(r))
		})
		for _, path := range []string{"/301", "/404", "/503", "/799"} {
			a := s.get(path)
			status := int(pathCode(s.NewRequest("GET", path, nil)))
			a.is(t, path, status, exitcode.Code(status).String()+"\n")
			for k := range body {
				if v, ok := a.header[k]; ok && k != "Content-Length" {
					t.Errorf("%s: header %s: %q is left, want it removed", path, k, v)
				}
			}
			for k, v := range kept {
				check(t, path+", header "+k, a.header.Get(k), v)
			}
			check(t, path+", trailers", len(a.trailer), 0)
			check(t, path+", Content-Length", a.length, int64(len(a.body)))
			check(t, path+", Content-Type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
		}
		s.same()
	})
}

func TestX3_AfterHeader(t *testing.T) { afterHeader(t, 301, 304, 404, 500) }
func TestX4_AfterHeader(t *testing.T) { afterHeader(t, 600, 999) }

// afterHeader exits when the header is on the wire, or in net/http's buffer.
func afterHeader(t *testing.T, codes ...int) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(206)
			io.WriteString(w, "part")
			if r.URL.Query().Has("flush") {
				http.NewResponseController(w).Flush()
			}
			err := exitcode.Exit(r.Context(), pathCode(r))
			isErr(t, "Exit", err, exitcode.ErrHeaderSent)
			if errors.Is(err, exitcode.ErrExited) || errors.Is(err, exitcode.ErrEnded) {
				t.Errorf("Exit = %v, want ErrHeaderSent alone", err)
			}
			check(t, "the cause", causeCode(r.Context()), pathCode(r))
			refusedWrites(t, w)
			isErr(t, "second Exit", exitcode.Exit(r.Context(), 500), exitcode.ErrExited)
		})
		for i, code := range codes {
			for j, query := range []string{"", "?flush"} {
				path := fmt.Sprintf("/%d%s", code, query)
				s.get(path).is(t, path, 206, "part")
				s.recorded(206)
				synctest.Wait() // under Detach the response does not wait for the log
				lines := strings.Split(strings.TrimSuffix(s.Logs(), "\n"), "\n")
				last := lines[len(lines)-1]
				if len(lines) != 2*i+j+1 || !strings.Contains(last, "206") || !strings.Contains(last, fmt.Sprint(code)) {
					t.Errorf("%s: log = %q, want one more line, with 206 and %d", path, lines, code)
				}
			}
		}
		s.same()
	})
}
