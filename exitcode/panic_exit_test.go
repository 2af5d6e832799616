package exitcode_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// The exit came first and stands: its page goes out, and the panic goes on.
func TestX16_PanicAfterExit(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		seen := make(chan end, 1)
		in := exitcode.New(exitcode.Options{})
		s := start(t, p, func(h http.Handler) http.Handler { return watched(seen, false)(in(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
				burst(errBurst)
			})
		a := s.get("/404")
		if a.status != 404 || a.body != "404 Not Found\n" { // the end of an HTTP/2 stream is a reset
			t.Errorf("GET = %d, %q, want 404 and its page", a.status, a.body)
		}
		check(t, "what arrives outside", <-seen, end{value: errBurst})
		s.recorded(404)
		s.nothing("/444")
		check(t, "444: what arrives outside", <-seen, end{value: errBurst})
		s.recorded(444)
	})
}

// Under Detach the outer handlers do not wait for what comes after the ending:
// the panic is the Background's.
func TestX16_PanicAfterExitUnderDetach(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		seen, values := make(chan end, 1), make(chan any, 1)
		b := eof.New(eof.Options{OnPanic: func(v any, stack []byte) {
			if !strings.Contains(string(stack), "exitcode_test.burst") {
				t.Errorf("stack = %q, want that of what panicked", stack)
			}
			values <- v
		}})
		drains(t, b)
		s := start(t, p, func(h http.Handler) http.Handler { return watched(seen, false)(b.Detach(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
				burst(errBurst)
			})
		s.get("/404").is(t, "GET", 404, "404 Not Found\n")
		check(t, "what arrives outside", <-seen, end{returned: true})
		check(t, "what the Background is told", <-values, any(errBurst))
		s.recorded(404)
		s.nothing("/444")
		check(t, "444: what arrives outside", <-seen, end{returned: true})
		check(t, "444: what the Background is told", <-values, any(errBurst))
		s.recorded(444)
		check(t, "log", s.Logs(), "")
	})
}
