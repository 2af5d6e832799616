package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// deep calls f at the bottom of a stack of n calls, each with a deferred call
// that is counted in unwound.
func deep(n int, unwound *int, f func()) {
	defer func() { *unwound++ }()
	if n == 1 {
		f()
		return
	}
	deep(n-1, unwound, f)
}

func TestThrow_UnwindsHandler(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		unwound := make(chan int, 1)
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			n := 0
			defer func() { unwound <- n }()
			if r.URL.Query().Has("sent") {
				io.WriteString(w, "part")
				http.NewResponseController(w).Flush()
			}
			deep(500, &n, func() {
				exitcode.Throw(r.Context(), pathCode(r))
				t.Error("Throw returned")
			})
			t.Error("the handler goes on after Throw")
		})
		get := func(path string) answer {
			defer func() { check(t, path+", deferred calls that ran", <-unwound, 500) }()
			return s.get(path)
		}
		get("/404").is(t, "Throw(404)", 404, "404 Not Found\n")
		get("/204").is(t, "Throw(204)", 204, "")
		get("/200?sent").is(t, "Throw(200), header sent", 200, "part")
		get("/503?sent").is(t, "Throw(503), header sent", 200, "part")
		for _, status := range []int{404, 204, 200, 200} {
			s.recorded(status)
		}
		s.same()
		s.nothing("/444")
		s.recorded(444)
		<-unwound
		s.cutOff("/444?sent", "part", 0)
	})
}

// The panic ends where the request does: outer handlers see a return, and so
// does net/http.
func TestThrow_OuterHandlersSeeReturn(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		ends := make(chan any, 1)
		outer := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				returned := false
				defer func() {
					v := recover()
					if ends <- v; v == nil && !returned {
						t.Error("the goroutine exits, want a return")
					}
				}()
				next.ServeHTTP(w, r)
				returned = true
			})
		}
		s := start(t, p, func(h http.Handler) http.Handler { return outer(in(h)) },
			func(w http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), pathCode(r)) })
		for _, code := range []int{404, 204, 600} {
			s.get(fmt.Sprintf("/%d", code))
			check(t, "panic in the handler outside", <-ends, nil)
			s.recorded(code)
		}
		s.same()
		s.nothing("/444")
		check(t, "panic in the handler outside, 444", <-ends, nil)
		s.recorded(444)
	})
}

// X12: a recover in between that swallows the panic cannot undo the exit.
func TestX12_ThrowUnderSwallowingRecover(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("sent") {
				io.WriteString(w, "part")
				http.NewResponseController(w).Flush()
			}
			func() {
				defer func() { check(t, "recover()", recover(), any(http.ErrAbortHandler)) }()
				exitcode.Throw(r.Context(), pathCode(r))
			}()
			refusedWrites(t, w)
			isErr(t, "Exit after Throw", exitcode.Exit(r.Context(), 500), exitcode.ErrExited)
			check(t, "the cause", causeCode(r.Context()), pathCode(r))
		})
		s.get("/404").is(t, "nothing sent", 404, "404 Not Found\n")
		s.get("/200").is(t, "nothing sent", 200, "")
		s.get("/200?sent").is(t, "header sent", 200, "part")
		s.get("/404?sent").is(t, "header sent", 200, "part")
		for _, status := range []int{404, 200, 200, 200} {
			s.recorded(status)
		}
		s.same()
		s.nothing("/444")
		s.cutOff("/444?sent", "part", 0)
	})
}

// A well-behaved recoverer lets it pass without a word.
func TestThrow_PassesChiRecoverer(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, func(h http.Handler) http.Handler { return in(chimiddleware.Recoverer(h)) },
			func(w http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), 403) })
		s.get("/").is(t, "GET", 403, "403 Forbidden\n")
		s.recorded(403)
		check(t, "log", s.Logs(), "")
	})
}

func TestThrow_InThread(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		unwound := make(chan int, 1)
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			th, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
				n := 0
				defer func() { unwound <- n }()
				time.Sleep(time.Second)
				deep(100, &n, func() { exitcode.Throw(ctx, 503) })
				return nil
			})
			if err != nil {
				t.Errorf("Spawn = %v, want nil", err)
				return
			}
			<-r.Context().Done()
			check(t, "the cause", causeCode(r.Context()), 503)
			if err := th.Wait(context.WithoutCancel(r.Context())); err == nil {
				t.Error("Wait for the thread = nil, want an error: it was unwound")
			}
		})
		a := s.get("/")
		a.is(t, "GET", 503, "503 Service Unavailable\n")
		check(t, "answered", a.after, time.Second)
		check(t, "deferred calls that ran in the thread", <-unwound, 100)
		check(t, "log", s.Logs(), "")
	})
}

// Two on their way out at once; and a Throw after an Exit.
func TestX10_ThrowAfterExit(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			defer exitcode.Throw(r.Context(), 500)
			isErr(t, "Exit(404)", exitcode.Exit(r.Context(), 404), nil)
			exitcode.Throw(r.Context(), 503)
		})
		s.get("/").is(t, "GET", 404, "404 Not Found\n")
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// Where there is nothing to end, Throw unwinds all the same, and net/http drops
// the connection as it does for any handler that aborts.
func TestThrow_NothingToEnd(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		h := func(w http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), pathCode(r)) }
		s := start(t, p, bare, h)
		s.nothing("/404") // no lastbyte middleware
		s = start(t, p, exitcode.New(exitcode.Options{}), h)
		s.nothing("/77") // no such code
		check(t, "log", s.Logs(), "")
	})
}
