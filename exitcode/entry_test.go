package exitcode_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// An exit deletes headers that the handler has set, and none that stood in the
// map when the request came in.
func TestX3_HeadersOfOuterLayersStay(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		outer := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Trailer", "Sum")
				w.Header().Set("Content-Encoding", "outer")
				w.Header().Set("Etag", `"outer"`)
				defer w.Header().Set("Sum", "42")
				next.ServeHTTP(w, r)
			})
		}
		phase := exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.OK })
		for place, chain := range map[string]wrap{
			"outside":               func(h http.Handler) http.Handler { return outer(in(h)) },
			"between":               func(h http.Handler) http.Handler { return in(outer(phase(h))) },
			"between, and a writer": func(h http.Handler) http.Handler { return in(outer(cookies(phase(h)))) },
		} {
			s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("set") {
					w.Header().Set("Content-Encoding", "br")
					w.Header().Set("Content-Range", "bytes 0-1/2")
					w.Header().Set("Etag", `"inner"`)
					w.Header().Set("Trailer", "Other")
				}
				if r.URL.Query().Has("throw") {
					exitcode.Throw(r.Context(), 404)
				}
				isErr(t, "Exit", exitcode.Exit(r.Context(), 404), nil)
			})
			for _, path := range []string{"/", "/?set", "/?throw&set"} {
				a := s.get(path)
				what := place + ", " + path
				a.is(t, what, 404, page404)
				check(t, what+", Content-Encoding", a.header.Get("Content-Encoding"), "outer")
				check(t, what+", Content-Range", a.header.Get("Content-Range"), "")
				check(t, what+", Etag", a.header.Get("Etag"), `"outer"`)
				check(t, what+", the trailer", a.trailer.Get("Sum"), "42")
				s.recorded(404)
			}
		}
	})
}

// Between the one lastbyte middleware and the handler nobody can tell a coder's
// end from what the handler writes; but a response that stands is whole.
func TestX9_CoderInside(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, mw := range map[string]wrap{"early": gzips(true), "late": gzips(false)} {
			s := start(t, p, func(h http.Handler) http.Handler { return in(mw(h)) },
				func(w http.ResponseWriter, r *http.Request) {
					_, err := io.WriteString(w, "hello")
					isErr(t, "Write", err, nil)
					if r.URL.Query().Has("flush") {
						isErr(t, "Flush", http.NewResponseController(w).Flush(), nil)
					}
					if r.URL.Query().Has("thread") {
						threadCtx.spawn(r.Context(), func(ctx context.Context) { exitcode.Exit(ctx, pathCode(r)) })
						<-r.Context().Done()
						time.Sleep(time.Second)
					} else {
						exitcode.Exit(r.Context(), pathCode(r))
					}
				})
			for _, path := range []string{"/200", "/200?flush", "/403?flush", "/204?flush&thread", "/503?flush&thread"} {
				s.get(path).decoded().is(t, name+" "+path, 200, "hello")
				s.recorded(200)
			}
		}
	})
}

// The same, for a coder that holds everything back until the handler returns.
func TestX9_CoderInsideHoldsAll(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		mw := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Add("Vary", "Accept-Encoding")
				buffers(gzips(false)(next)).ServeHTTP(w, r)
			})
		}
		s := start(t, p, func(h http.Handler) http.Handler { return in(mw(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(201)
				io.WriteString(w, "hello")
				isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
			})
		s.get("/200").decoded().is(t, "Exit(200)", 201, "hello")
		s.get("/202").decoded().is(t, "Exit(202)", 202, "")
		s.get("/403").decoded().is(t, "Exit(403)", 403, "403 Forbidden\n")
	})
}

// The handler got what it asked for.
func TestX3a_StatusThatWasSent(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for mwName, mw := range between() {
			for place, chain := range map[string]wrap{
				"alone":   in,
				"outside": func(h http.Handler) http.Handler { return mw(in(h)) },
				"between": func(h http.Handler) http.Handler { return in(mw(exitcode.New(exitcode.Options{})(h))) },
			} {
				s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(403)
					if !r.URL.Query().Has("empty") {
						io.WriteString(w, "mine")
					}
					if r.URL.Query().Has("throw") {
						exitcode.Throw(r.Context(), 403)
					}
					isErr(t, "Exit", exitcode.Exit(r.Context(), 403), nil)
					refusedWrites(t, w)
				})
				for path, body := range map[string]string{"/": "mine", "/?throw": "mine", "/?empty": ""} {
					s.get(path).decoded().is(t, mwName+" "+place+" "+path, 403, body)
					s.recorded(403)
				}
				logged := s.Logs() // once in a process, of a wrapper outside: a line of its own
				if strings.Count(logged, "\n") > 1 || logged != "" && (place != "outside" || !strings.Contains(logged, "hides deadlines")) {
					t.Errorf("%s %s: the log has %q, want nothing of the exit", mwName, place, logged)
				}
			}
		}
	})
}
