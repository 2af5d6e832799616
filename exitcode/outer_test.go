package exitcode_test

import (
	"bytes"
	"fmt"
	"log"
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog/hlog"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// recordedCodes are exits and the status that outer middlewares see; those that
// drop have no byte on the wire.
var recordedCodes = []struct {
	code    exitcode.Code
	status  int
	dropped bool
}{
	{444, 444, true}, {499, 499, true}, {408, 408, true}, {-1, 0, true},
	{403, 403, false}, {204, 204, false}, {503, 503, false}, {799, 799, false},
}

// seesCodes serves recordedCodes inside outer, by an Exit in the handler, in a
// Phase and in a HeaderFilter, and compares what outer hands to seen.
func seesCodes(t *testing.T, outer func(seen chan<- int) func(http.Handler) http.Handler) {
	for name, mw := range map[string]func(http.Handler) http.Handler{
		"exit":         bare,
		"phase":        exitcode.Phase(func(_ http.ResponseWriter, r *http.Request) exitcode.Code { return pathCode(r) }),
		"headerfilter": exitcode.HeaderFilter(func(r *http.Request, _ int, _ http.Header) exitcode.Code { return pathCode(r) }),
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
				seen := make(chan int, 1)
				h := func(w http.ResponseWriter, r *http.Request) {
					if name == "exit" {
						exitcode.Exit(r.Context(), pathCode(r))
					}
				}
				s := start(t, p, func(h http.Handler) http.Handler { return outer(seen)(in(mw(h))) }, h)
				for _, c := range recordedCodes {
					path := fmt.Sprintf("/%d", int(c.code))
					if c.dropped {
						s.nothing(path)
					} else if a := s.get(path); a.status != c.status {
						t.Errorf("GET %s = %d, %v, want %d", path, a.status, a.err, c.status)
					}
					check(t, path+", status outside", <-seen, c.status)
					s.recorded(c.status)
				}
				check(t, "log", s.Logs(), "")
			})
		})
	}
}

func TestX5_X6_X7_RecorderSeesCode(t *testing.T) {
	seesCodes(t, func(seen chan<- int) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler { return record(seen, next) }
	})
}

func TestX5_X6_X7_ChiLoggerSeesCode(t *testing.T) {
	seesCodes(t, func(seen chan<- int) func(http.Handler) http.Handler {
		return chimiddleware.RequestLogger(formatter(seen))
	})
}

func TestX5_X6_X7_HlogSeesCode(t *testing.T) {
	seesCodes(t, func(seen chan<- int) func(http.Handler) http.Handler {
		return hlog.AccessHandler(func(_ *http.Request, status, size int, _ time.Duration) { seen <- status })
	})
}

// formatter hands on what chi's Logger would print.
type formatter chan<- int

func (f formatter) NewLogEntry(*http.Request) chimiddleware.LogEntry { return f }

func (f formatter) Write(status, _ int, _ http.Header, _ time.Duration, _ any) { f <- status }

func (f formatter) Panic(any, []byte) { f <- -1 }

// chi's own lines, inside a chi router.
func TestX5_ChiLogger(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		var lines bytes.Buffer // read after the request, which has returned
		r := chi.NewRouter()
		r.Use(chimiddleware.RequestLogger(&chimiddleware.DefaultLogFormatter{Logger: log.New(&lines, "", 0), NoColor: true}))
		r.Use(in)
		r.Get("/exit/{code}", func(w http.ResponseWriter, r *http.Request) {
			var code exitcode.Code
			fmt.Sscan(chi.URLParam(r, "code"), &code)
			exitcode.Exit(r.Context(), code)
		})
		s := start(t, p, bare, r.ServeHTTP)
		for _, code := range []int{444, 499, 403} {
			path := fmt.Sprintf("/exit/%d", code)
			if code == 403 {
				s.get(path).is(t, path, 403, "403 Forbidden\n")
			} else {
				s.nothing(path)
			}
			s.recorded(code)
			if want := fmt.Sprintf(" - %d ", code); !bytes.Contains(lines.Bytes(), []byte(want)) ||
				bytes.Count(lines.Bytes(), []byte("\n")) != 1 {
				t.Errorf("%s: chi's Logger printed %q, want one line with %q", path, lines.String(), want)
			}
			lines.Reset()
		}
	})
}

// A recorder that hides the writer below leaves only a panic to stop net/http;
// the recorder knows the code all the same.
func TestX5_RecorderWithoutUnwrap(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		hide := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			})
		}
		s := start(t, p, func(h http.Handler) http.Handler { return hide(in(h)) },
			func(w http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), pathCode(r)) })
		for _, c := range recordedCodes {
			path := fmt.Sprintf("/%d", int(c.code))
			if c.dropped {
				s.nothing(path)
			} else if a := s.get(path); a.status != c.status {
				t.Errorf("GET %s = %d, %v, want %d", path, a.status, a.err, c.status)
			}
			s.recorded(c.status)
		}
		check(t, "log", s.Logs(), "")
	})
}
