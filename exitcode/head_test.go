package exitcode_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestX13_Head(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Kept", "yes")
			isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
		})
		for _, code := range []int{200, 204, 301, 304, 404, 503, 799} {
			path := fmt.Sprintf("/%d", code)
			what := "HEAD " + path
			head := s.do(s.NewRequest("HEAD", path, nil))
			s.recorded(code)
			head.is(t, what, code, "")
			check(t, what+", Kept", head.header.Get("Kept"), "yes")
			get := s.get(path)
			s.recorded(code)
			for _, k := range []string{"Content-Length", "Content-Type"} {
				check(t, what+", "+k+" as for GET", head.header.Get(k), get.header.Get(k))
			}
		}
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// A handler that has said its status, and an exit after that.
func TestX13_HeadAfterHeader(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(206)
			io.WriteString(w, "not sent")
			http.NewResponseController(w).Flush()
			want := error(nil)
			if pathCode(r) >= 300 {
				want = exitcode.ErrHeaderSent
			}
			isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), want)
		})
		for _, path := range []string{"/200", "/404"} {
			s.do(s.NewRequest("HEAD", path, nil)).is(t, "HEAD "+path, 206, "")
			s.recorded(206)
		}
		s.same()
	})
}

// On the wire: two requests at once, so that a body too many would be in the
// way of the second answer.
func TestX13_HeadOnTheWire(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		if p == pipenet.HTTP2 {
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 204) })
			got, _ := s.wire("/")
			check(t, "GET with Exit(204), frames", got, "HEADERS END")
			return
		}
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 404) })
		got, after := s.bytes("HEAD / HTTP/1.1\r\nHost: example.com\r\n\r\n" +
			"HEAD / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
		answers := strings.Split(got, "\r\n\r\n")
		if len(answers) != 3 || answers[2] != "" {
			t.Fatalf("two HEADs: got %q, want two headers and nothing else", got)
		}
		for i, closes := range []bool{false, true} {
			if !strings.HasPrefix(answers[i], "HTTP/1.1 404 Not Found\r\n") ||
				strings.Contains(answers[i], "Connection: close") != closes {
				t.Errorf("HEAD %d: got %q, want 404, and Connection: close is %t", i, answers[i], closes)
			}
		}
		check(t, "two HEADs, answered", after, 0)
	})
}
