package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// recovers are places for Recover, beside Detach and what wraps a ResponseWriter.
func recovers(in wrap) map[string]wrap {
	return map[string]wrap{
		"inside":        func(h http.Handler) http.Handler { return in(exitcode.Recover(h)) },
		"outside":       func(h http.Handler) http.Handler { return exitcode.Recover(in(h)) },
		"twice":         func(h http.Handler) http.Handler { return exitcode.Recover(in(exitcode.Recover(h))) },
		"layer inside":  func(h http.Handler) http.Handler { return in(exitcode.Recover(gzips(false)(in(h)))) },
		"layer outside": func(h http.Handler) http.Handler { return in(gzips(false)(exitcode.Recover(in(h)))) },
		"many": func(h http.Handler) http.Handler {
			return exitcode.Recover(cookies(in(gzips(true)(exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return 0 })(h)))))
		},
	}
}

// panics counts the panics in the log; each has its stack.
func (s *server) panics(what string, want int) {
	s.t.Helper()
	synctest.Wait()
	log := s.Logs()
	got := strings.Count(log, "exitcode_test.burst(")
	if lines := strings.Count(log, "lastbyte: panic in handler: ") + strings.Count(log, "http: panic serving "); got != want || lines != want {
		s.t.Errorf("%s: the log has %d panics and %d stacks, want %d of each", what, lines, got, want)
	}
}

func TestRecover_Page(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, chain := range recovers(in) {
			for value, v := range panicValues {
				what := name + ", " + value
				s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Handler", "was here")
					burst(v)
				})
				a := s.get("/").decoded()
				a.is(t, what, 500, "500 Internal Server Error\n")
				check(t, what+", header Handler", a.header.Get("Handler"), "was here")
				s.recorded(500)
				s.panics(what, 1)
				s.same()
			}
		}
	})
}

// After the header the response is cut, and never looks complete.
func TestRecover_AfterHeader(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, chain := range recovers(in) {
			if strings.Contains(name, "layer") || name == "many" {
				continue // the body is compressed
			}
			s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "part")
				http.NewResponseController(w).Flush()
				burst(errBurst)
			})
			s.cutOff("/", "part", 0)
			s.recorded(200)
			s.panics(name, 1)
		}
		for name, chain := range recovers(in) {
			for _, length := range []string{"", "4"} {
				s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
					if length != "" {
						w.Header().Set("Content-Length", "9")
					}
					io.WriteString(w, "part")
					burst(errBurst)
				})
				if a := s.get("/").decoded(); a.err == nil && a.status != 500 {
					t.Errorf("%s: got %d %q, want a page, or a response that is cut", name, a.status, a.body)
				}
				s.panics(name, 1)
			}
		}
	})
}

// The Outcome of a panic that was recovered.
func TestRecover_Outcome(t *testing.T) {
	onLife(t, func(t *testing.T, p pipenet.Proto, life *middleware.Lifecycle, in wrap, outcomes <-chan middleware.Outcome) {
		for name, chain := range recovers(in) {
			s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/sent" {
					io.WriteString(w, "part")
					http.NewResponseController(w).Flush()
				}
				burst(errBurst)
			})
			s.get("/")
			if o := <-outcomes; o.Status != 500 || o.Sent != 500 || !o.Panicked || o.Cut || !o.Exited || o.Exit != 500 {
				t.Errorf("%s: outcome %+v, want a page with 500, and a panic", name, o)
			}
			s.get("/sent")
			if o := <-outcomes; o.Status != 200 || !o.Panicked || !o.Cut {
				t.Errorf("%s: outcome %+v, want a response that was cut, and a panic", name, o)
			}
			s.panics(name, 2)
		}
		check(t, "panics in Stats().Background", life.Stats().Background.Panicked, 0)
	})
}

// What the page and the rest of the request are told.
func TestRecover_Cause(t *testing.T) {
	page := pages(func(w http.ResponseWriter, r *http.Request, code exitcode.Code) {
		e, ok := exitcode.Cause(r.Context())
		fmt.Fprintf(w, "%d %t %t %q", int(code), ok, errors.Is(e, errBurst), e.Error())
	})
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, chain := range recovers(in) {
			causes := make(chan error, 1)
			s := start(t, p, func(h http.Handler) http.Handler { return chain(page(h)) }, func(w http.ResponseWriter, r *http.Request) {
				_, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
					<-ctx.Done()
					causes <- context.Cause(ctx)
					return nil
				})
				isErr(t, "Spawn", err, nil)
				burst(errBurst)
			})
			s.get("/").decoded().is(t, name, 500, `500 true true "exit 500 Internal Server Error: panic: burst"`)
			if err := <-causes; !errors.Is(err, errBurst) && err != context.Canceled {
				t.Errorf("%s: cause in a thread = %v", name, err)
			}
		}
	})
}

// What is no panic of the handler's passes as without Recover.
func TestRecover_PassesOn(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, chain := range recovers(in) {
			if strings.Contains(name, "layer") || name == "many" {
				continue // the body is compressed
			}
			s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/throw":
					exitcode.Throw(r.Context(), 404)
				case "/ok":
					io.WriteString(w, "all of it")
					exitcode.Throw(r.Context(), exitcode.OK)
				case "/444":
					exitcode.Throw(r.Context(), exitcode.Close)
				case "/abort":
					panic(http.ErrAbortHandler)
				case "/wrapped":
					panic(fmt.Errorf("wrapped: %w", http.ErrAbortHandler))
				case "/goexit":
					runtime.Goexit()
				}
			})
			s.get("/throw").is(t, name+", Throw", 404, "404 Not Found\n")
			s.get("/ok").is(t, name+", Throw(OK)", 200, "all of it")
			s.same()
			s.nothing("/444")
			check(t, name+": log", s.Logs(), "")
			s.nothing("/abort")
			check(t, name+": log", s.Logs(), "")
			if p == pipenet.HTTP1 { // net/http's HTTP/2 server waits for ever for a handler that has left by Goexit
				s.nothing("/goexit")
			}
			s.nothing("/wrapped") // net/http logs it
		}
	})
}

// A panic after Send is the Background's, as without Recover.
func TestRecover_AfterSend(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		told := make(chan any, 2)
		b := eof.New(eof.Options{OnPanic: func(v any, stack []byte) {
			if told <- v; !strings.Contains(string(stack), "exitcode_test.burst") {
				t.Errorf("stack = %s, want that of what panicked", stack)
			}
		}})
		drains(t, b)
		s := start(t, p, func(h http.Handler) http.Handler { return exitcode.Recover(b.Detach(exitcode.Recover(h))) },
			func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "got it")
				isErr(t, "Send", eof.Send(r.Context()), nil)
				time.Sleep(time.Second)
				burst(errBurst)
			})
		s.get("/").is(t, "GET", 200, "got it")
		check(t, "OnPanic", <-told, any(errBurst))
		synctest.Wait()
		check(t, "Stats()", b.Stats(), eof.Stats{Panicked: 1})
		check(t, "log", s.Logs(), "")
	})
}

// An ending that came first stands, and the panic is logged all the same.
func TestRecover_AfterTheEnding(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, chain := range recovers(in) {
			if name == "outside" || name == "many" {
				continue // the response does not wait for a detached handler: its panic is the Background's
			}
			s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(chain(h)) }, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/404":
					isErr(t, "Exit", exitcode.Exit(r.Context(), 404), nil)
				case "/leaves":
					<-r.Context().Done()
				}
				burst(errBurst)
			})
			s.get("/404").decoded().is(t, name+", Exit", 404, "404 Not Found\n")
			s.recorded(404)
			s.leaves("/leaves")
			s.recorded(499)
			s.panics(name, 2)
		}
	})
}

// Beside other recoverers: the inner one comes first, and nothing is logged twice.
func TestRecover_OtherRecoverers(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		h := func(w http.ResponseWriter, r *http.Request) { burst(errBurst) }
		seen := make(chan end, 1)
		s := start(t, p, func(h http.Handler) http.Handler {
			return chimiddleware.Recoverer(watched(seen, false)(exitcode.Recover(in(h))))
		}, h)
		s.get("/").is(t, "others outside", 500, "500 Internal Server Error\n")
		check(t, "what arrives outside", <-seen, end{returned: true})
		s.panics("others outside", 1)

		s = start(t, p, func(h http.Handler) http.Handler { return exitcode.Recover(in(watched(seen, true)(h))) }, h)
		s.get("/").is(t, "another inside", 500, "recovered\n")
		check(t, "what arrives inside", <-seen, end{value: errBurst})
		s.panics("another inside", 0)
	})
}

// A hijacked connection ends with its handler.
func TestRecover_Hijacked(t *testing.T) {
	for _, detach := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			in := exitcode.New(exitcode.Options{})
			if detach {
				in = background(t).Detach
			}
			s := start(t, pipenet.HTTP1, func(h http.Handler) http.Handler { return in(exitcode.Recover(h)) }, func(w http.ResponseWriter, r *http.Request) {
				_, _, err := http.NewResponseController(w).Hijack()
				isErr(t, "Hijack", err, nil)
				burst(errBurst)
			})
			c := s.Dial()
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
				t.Errorf("the client reads %q, %v, want the end", got, err)
			}
			s.panics("hijacked", 1)
		})
	}
}

// Values that do worse than to print: the request still has its page.
func TestRecover_NastyValues(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, chain := range recovers(in) {
			for value, v := range map[string]any{"nil": nil, "nil pointer": nasty["nil pointer"], "panics": nasty["panics"], "Goexit": nasty["Goexit"], "slice": []int{1}} {
				s := start(t, p, chain, func(w http.ResponseWriter, r *http.Request) { burst(v) })
				s.get("/").decoded().is(t, name+", "+value, 500, "500 Internal Server Error\n")
				s.panics(name+", "+value, 1)
			}
		}
	})
}
