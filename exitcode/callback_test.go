package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// leaves has a client leave a second after its request.
func (s *server) leaves(path string) {
	s.t.Helper()
	call := s.Begin(s.NewRequest("GET", path, nil))
	time.Sleep(time.Second)
	call.Cancel()
	synctest.Wait()
}

// X11 from the abort callback: the handler's context ends with the exit, not
// with the abort, and the recorder outside knows the callback's code. The
// client is not there to be shown anything.
func TestX11_CallbackExits(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(in(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				onAbort(t, r.Context(), pathCode(r), nil)
				ends(t, r.Context(), pathCode(r))
				if _, ok := abort.Cause(r.Context()); !ok {
					t.Error("abort.Cause says that the client is there")
				}
				refusedWrites(t, w)
			})
		for _, code := range []int{499, 444, 408, -1, 503, 404, 204} {
			s.leaves(fmt.Sprintf("/%d", code))
			s.recorded(max(0, code))
		}
	})
}

// onAbort registers a callback that exits with code; with own, by that context.
func onAbort(t *testing.T, ctx context.Context, code exitcode.Code, own context.Context) {
	t.Helper()
	err := abort.On(ctx, func(ctx context.Context) {
		if own != nil {
			ctx = own
		}
		isErr(t, fmt.Sprintf("Exit(%d) in the callback", int(code)), exitcode.Exit(ctx, code), nil)
		isErr(t, "the callback's ctx.Err()", ctx.Err(), ctxErr(own))
	})
	isErr(t, "On", err, nil)
}

// ctxErr is what an exit does to ctx: nothing to the callback's own.
func ctxErr(own context.Context) error {
	if own == nil {
		return nil
	}
	return context.Canceled
}

func TestX11_CallbackExitsAfterHeader(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(in(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "part")
				http.NewResponseController(w).Flush()
				onAbort(t, r.Context(), pathCode(r), nil)
				ends(t, r.Context(), pathCode(r))
				refusedWrites(t, w)
			})
		for _, path := range []string{"/499", "/444", "/408", "/-1", "/204"} {
			s.leaves(path)
			s.recorded(200)
		}
	})
}

// A handler that does not care holds ServeHTTP up; under Detach it does not,
// whatever the code.
func TestX11_CallbackExitsUnderDetach(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		detach := background(t).Detach
		s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(detach(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				onAbort(t, r.Context(), pathCode(r), nil)
				time.Sleep(time.Hour)
				refusedWrites(t, w)
			})
		for _, code := range []int{499, 444, 408, -1, 503, 404, 204} {
			path := fmt.Sprintf("/%d", code)
			s.leaves(path)
			begin := time.Now()
			s.recorded(max(0, code))
			check(t, path+", ServeHTTP returned after the abort", time.Since(begin), 0)
		}
	})
}

// X11b from the abort callback: with the handler's own context a code that
// drops acts at once, one with a page waits for the handler.
func TestX11b_CallbackExitsWithOwnCtx(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		detach := background(t).Detach
		s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(detach(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				onAbort(t, r.Context(), pathCode(r), r.Context())
				ends(t, r.Context(), pathCode(r))
				time.Sleep(time.Hour)
				refusedWrites(t, w)
			})
		for code, wait := range map[int]time.Duration{499: 0, 444: 0, 408: 0, -1: 0, 503: time.Hour, 404: time.Hour} {
			path := fmt.Sprintf("/%d", code)
			s.leaves(path)
			begin := time.Now()
			s.recorded(max(0, code))
			check(t, path+", ServeHTTP returned after the abort", time.Since(begin), wait)
		}
	})
}

// The callback of a client that left ends the request of a handler that waits
// for it in a Phase, too: what comes behind the phase does not run.
func TestX11_CallbackExitsInPhase(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		ran := make(chan bool, 1)
		phase := exitcode.Phase(func(w http.ResponseWriter, r *http.Request) exitcode.Code {
			onAbort(t, r.Context(), 499, nil)
			<-r.Context().Done()
			return exitcode.OK
		})
		s := start(t, p, func(h http.Handler) http.Handler { return abort.Check(in(phase(h))) },
			func(http.ResponseWriter, *http.Request) { ran <- true })
		s.leaves("/")
		s.recorded(499)
		check(t, "runs of the handler behind the phase", len(ran), 0)
	})
}
