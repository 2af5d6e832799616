package exitcode_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// burst panics; its name is what to look for in a stack.
//
//go:noinline
func burst(v any) { panic(v) }

// end is how a handler's goroutine came back to an outer handler.
type end struct {
	value    any
	returned bool
}

// watched hands how the handlers inside end to ends, and passes it on, or
// answers 500 instead.
func watched(ends chan<- end, swallow bool) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e := end{}
			defer func() {
				e.value = recover()
				ends <- e
				switch {
				case e.value == nil:
				case swallow:
					http.Error(w, "recovered", 500)
				default:
					panic(e.value)
				}
			}()
			next.ServeHTTP(w, r)
			e.returned = true
		})
	}
}

// sends writes a first part if the request asks for it.
func sends(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Handler", "was here")
	if r.URL.Path == "/sent" {
		io.WriteString(w, "part")
		http.NewResponseController(w).Flush()
	}
}

var errBurst = errors.New("burst")

// panicValues are compared by identity: a copy, or one wrapped, is not the same.
var panicValues = map[string]any{
	"pointer": &struct{ text string }{"burst"},
	"error":   errBurst,
	"wrapped": fmt.Errorf("wrapped: %w", errBurst),
	"text":    "burst",
	"number":  42,
}

func TestX16_ValueReachesOuterHandlers(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for name, v := range panicValues {
			seen := make(chan end, 1)
			s := start(t, p, func(h http.Handler) http.Handler { return watched(seen, false)(in(h)) },
				func(w http.ResponseWriter, r *http.Request) {
					sends(w, r)
					burst(v)
				})
			s.nothing("/")
			check(t, name+", nothing sent: what arrives outside", <-seen, end{value: v})
			s.recorded(0)
			s.cutOff("/sent", "part", 0)
			check(t, name+", header sent: what arrives outside", <-seen, end{value: v})
			s.recorded(200)
			synctest.Wait()
			if !strings.Contains(s.Logs(), "exitcode_test.burst") {
				t.Errorf("log = %q, want the stack of what panicked", s.Logs())
			}
		}
	})
}

// An outer handler that recovers still has its say, as it has without lastbyte.
func TestX16_OuterHandlerRecovers(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		seen := make(chan end, 1)
		s := start(t, p, func(h http.Handler) http.Handler { return watched(seen, true)(in(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				sends(w, r)
				burst(errBurst)
			})
		s.get("/").is(t, "GET", 500, "recovered\n")
		check(t, "what arrives outside", <-seen, end{value: errBurst})
		s.recorded(500)
		s.get("/").is(t, "next GET", 500, "recovered\n")
		s.same()
	})
}

func TestX16_AbortHandlerArrivesAsItself(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		seen := make(chan end, 1)
		s := start(t, p, func(h http.Handler) http.Handler { return watched(seen, false)(in(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				sends(w, r)
				burst(http.ErrAbortHandler)
			})
		s.nothing("/")
		check(t, "nothing sent: what arrives outside", <-seen, end{value: http.ErrAbortHandler})
		s.cutOff("/sent", "part", 0)
		check(t, "header sent: what arrives outside", <-seen, end{value: http.ErrAbortHandler})
		check(t, "log", s.Logs(), "")
	})
}

func TestX16_GoexitArrivesAsItself(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		seen := make(chan end, 1)
		s := start(t, p, func(h http.Handler) http.Handler { return watched(seen, false)(in(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				sends(w, r)
				runtime.Goexit()
			})
		s.nothing("/")
		check(t, "nothing sent: what arrives outside", <-seen, end{})
		s.cutOff("/sent", "part", 0)
		check(t, "header sent: what arrives outside", <-seen, end{})
		check(t, "log", s.Logs(), "")
	})
}

// In a Phase it is no different.
func TestX16_PhasePanics(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		phase := exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code {
			burst(errBurst)
			return exitcode.OK
		})
		seen := make(chan end, 1)
		s := start(t, p, func(h http.Handler) http.Handler { return watched(seen, false)(in(phase(h))) },
			func(w http.ResponseWriter, r *http.Request) { t.Error("the handler behind the phase runs") })
		s.nothing("/")
		check(t, "what arrives outside", <-seen, end{value: errBurst})
	})
}

// Nor in a HeaderFilter, which runs in the middle of a write, when the handler
// has returned, or on an exit's page.
func TestX16_FilterPanics(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		filter := exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code {
			burst(errBurst)
			return exitcode.OK
		})
		seen := make(chan end, 1)
		for _, c := range commits {
			s := start(t, p, func(h http.Handler) http.Handler { return watched(seen, false)(in(filter(h))) },
				func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/" {
						_ = c.h(w) // it panics
						return
					}
					exitcode.Exit(r.Context(), pathCode(r))
				})
			s.nothing("/")
			check(t, c.name+": what arrives outside", <-seen, end{value: errBurst})
			s.nothing("/404")
			check(t, "a page: what arrives outside", <-seen, end{value: errBurst})
		}
	})
}

// A Lifecycle knows of it: 500 if nothing was sent, else what was.
func TestX16_Outcome(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		sends(w, r)
		burst(errBurst)
	}
	for _, detach := range []bool{false, true} {
		aborttest.RunWith(t, aborttest.Options{Detach: detach}, http.HandlerFunc(h), func(t *testing.T, c *aborttest.Client) {
			for path, want := range map[string][2]int{"/": {500, 0}, "/sent": {200, 200}} {
				if o := c.Post(path, "text/plain", nil).Outcome(); o.Status != want[0] || o.Sent != want[1] || !o.Panicked || o.Exited || o.Abort != nil {
					t.Errorf("%s: outcome %+v, want status %d, sent %d, panicked alone", path, o, want[0], want[1])
				}
			}
		})
	}
}
