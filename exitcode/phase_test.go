package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// bare is no middleware: Phase, HeaderFilter and Handler need none around them.
func bare(next http.Handler) http.Handler { return next }

func TestX1_PhaseGoesOn(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		first := exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code {
			w.Header().Add("Phase", "first")
			return exitcode.OK
		})
		second := exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code {
			w.Header().Add("Phase", "second")
			if r.URL.Path == "/sent" {
				io.WriteString(w, "phase, ")
				http.NewResponseController(w).Flush()
			}
			return exitcode.OK
		})
		s := start(t, p, func(h http.Handler) http.Handler { return in(first(second(h))) },
			func(w http.ResponseWriter, r *http.Request) {
				isErr(t, "ctx.Err() in the handler", r.Context().Err(), nil)
				_, err := io.WriteString(w, "handler")
				isErr(t, "Write in the handler", err, nil)
			})
		for path, want := range map[string]string{"/": "handler", "/sent": "phase, handler"} {
			a := s.get(path)
			a.is(t, path, 200, want)
			check(t, path+", headers of the phases", strings.Join(a.header["Phase"], " "), "first second")
			s.recorded(200)
		}
		s.same()
	})
}

// The code that a Phase returns is that of an Exit, and what comes after it in
// the chain does not run.
func TestPhase_Exits(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ran := make(chan string, 10)
		phase := exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code {
			w.Header().Set("Www-Authenticate", "Basic")
			var code exitcode.Code
			fmt.Sscanf(r.URL.Path, "/%d", &code)
			return code
		})
		s := start(t, p, phase, func(w http.ResponseWriter, r *http.Request) { ran <- r.URL.Path })
		a := s.get("/401")
		a.is(t, "401", 401, "401 Unauthorized\n")
		check(t, "header set by the phase", a.header.Get("Www-Authenticate"), "Basic")
		s.recorded(401)
		s.get("/202").is(t, "202", 202, "")
		s.recorded(202)
		s.same()
		s.nothing("/444")
		s.recorded(444)
		if len(ran) > 0 {
			t.Errorf("the handler behind the phase ran for %s", <-ran)
		}
	})
}

// A phase that calls Exit itself has decided, whatever it returns then.
func TestPhase_CallsExit(t *testing.T) {
	for _, code := range []exitcode.Code{exitcode.OK, 503} {
		t.Run(code.String(), func(t *testing.T) {
			run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
				ran := make(chan bool, 1)
				phase := exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code {
					isErr(t, "Exit(403)", exitcode.Exit(r.Context(), 403), nil)
					return code
				})
				s := start(t, p, func(h http.Handler) http.Handler { return in(phase(h)) },
					func(http.ResponseWriter, *http.Request) { ran <- true })
				s.get("/").is(t, "GET", 403, "403 Forbidden\n")
				check(t, "runs of the handler", len(ran), 0)
			})
		})
	}
}

// A code that no request may exit with is a bug of the function that returns
// it; the client is told 500 and the log which code it was.
func TestX8_InvalidCodeReturned(t *testing.T) {
	const hundred = exitcode.Code(100)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "secret") })
	for name, h := range map[string]http.Handler{
		"exitcode.Phase": exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return hundred })(next),
		"exitcode.HeaderFilter": exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code {
			return hundred
		})(next),
		"exitcode.Handler": exitcode.Handler(func(http.ResponseWriter, *http.Request) error {
			return &exitcode.ExitError{Code: hundred}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				s := start(t, p, bare, h.ServeHTTP)
				s.get("/").is(t, "GET", 500, "500 Internal Server Error\n")
				s.recorded(500)
				if log := s.Logs(); !strings.Contains(log, name) || !strings.Contains(log, "invalid code 100") ||
					strings.Count(log, "\n") != 1 {
					t.Errorf("log = %q, want one line with %q and \"invalid code 100\"", log, name)
				}
			})
		})
	}
}

func TestFrom(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		type result struct {
			code exitcode.Code
			ok   bool
		}
		from := func(ctx context.Context) result {
			code, ok := exitcode.From(ctx)
			return result{code, ok}
		}
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			check(t, "From before", from(ctx), result{0, false})
			exitcode.Exit(ctx, 404)
			exitcode.Exit(ctx, 500)
			check(t, "From after", from(ctx), result{404, true})
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			check(t, "From a child", from(child), result{404, true})
			check(t, "From what a cancel does not reach", from(context.WithoutCancel(ctx)), result{404, true})
			check(t, "the cause", causeCode(child), 404)
		})
		s.get("/").is(t, "GET", 404, "404 Not Found\n")
	})
}
