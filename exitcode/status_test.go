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

// pathCode is the code that a test's client asks for.
func pathCode(r *http.Request) (code exitcode.Code) {
	fmt.Sscanf(r.URL.Path, "/%d", &code)
	return code
}

// refusedWrites fails the test if any way to write does not fail with ErrExited.
func refusedWrites(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	w.WriteHeader(299)
	w.Header().Set("After", "exit")
	_, err := w.Write([]byte("after"))
	isErr(t, "Write after the exit", err, exitcode.ErrExited)
	_, err = io.WriteString(w, "after")
	isErr(t, "WriteString after the exit", err, exitcode.ErrExited)
	_, err = io.Copy(w, strings.NewReader("after"))
	isErr(t, "Copy after the exit", err, exitcode.ErrExited)
	isErr(t, "Flush after the exit", http.NewResponseController(w).Flush(), exitcode.ErrExited)
}

func TestX2_Success(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			code := pathCode(r)
			w.Header().Set("Kept", "yes")
			w.Header().Set("Content-Length", "100")
			isErr(t, fmt.Sprintf("Exit(%d)", code), exitcode.Exit(r.Context(), code), nil)
			check(t, "the cause", causeCode(r.Context()), code)
			if code != 202 { // one without a write after it
				refusedWrites(t, w)
			}
		})
		for _, code := range []int{200, 201, 202, 204, 205, 206, 226, 299} {
			what := fmt.Sprintf("Exit(%d)", code)
			a := s.get(fmt.Sprintf("/%d", code))
			a.is(t, what, code, "")
			want := "[0]"
			if code == 204 {
				want = "[]"
			}
			check(t, what+", Content-Length", fmt.Sprint(a.header["Content-Length"]), want)
			check(t, what+", Kept", a.header.Get("Kept"), "yes")
			check(t, what+", After", a.header.Get("After"), "")
			s.recorded(code)
		}
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

func TestX2_SuccessAfterHeader(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(202)
			io.WriteString(w, "part")
			http.NewResponseController(w).Flush()
			isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
			check(t, "the cause", causeCode(r.Context()), pathCode(r))
			refusedWrites(t, w)
		})
		for _, path := range []string{"/200", "/204", "/299"} {
			s.get(path).is(t, path, 202, "part")
			s.recorded(202)
		}
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// X9: the handler has chosen its status, and perhaps written, but nothing is on
// the wire yet.
func TestX9_OwnStatusStands(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/x-own")
			if r.URL.Path != "/body" {
				w.WriteHeader(403)
			}
			if r.URL.Path != "/status" {
				io.WriteString(w, "own page")
			}
			isErr(t, "Exit(200)", exitcode.Exit(r.Context(), 200), nil)
			refusedWrites(t, w)
		})
		for _, c := range []struct {
			path, body string
			status     int
		}{{"/both", "own page", 403}, {"/status", "", 403}, {"/body", "own page", 200}} {
			a := s.get(c.path)
			a.is(t, c.path, c.status, c.body)
			check(t, c.path+", Content-Type", a.header.Get("Content-Type"), "text/x-own")
			s.recorded(c.status)
		}
		s.same()
	})
}

// Behind a writer that has Flusher alone, as most wrappers do, an
// http.ResponseController hears of the exit all the same.
func TestExit_FlushBehindWrapper(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		wrapped := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				type plain struct{ http.ResponseWriter }
				in(h).ServeHTTP(struct {
					plain
					http.Flusher
				}{plain{w}, flushes{w}}, r)
			})
		}
		s := start(t, p, wrapped, func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			io.WriteString(w, "part")
			isErr(t, "Flush before the exit", rc.Flush(), nil)
			isErr(t, "Exit", exitcode.Exit(r.Context(), 200), nil)
			isErr(t, "Flush after the exit", rc.Flush(), exitcode.ErrExited)
		})
		s.get("/").is(t, "GET", 200, "part")
	})
}

// flushes is the Flusher of a ResponseWriter.
type flushes struct{ w http.ResponseWriter }

func (f flushes) Flush() { _ = http.NewResponseController(f.w).Flush() } // no result
