package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// outside sets a header before the handlers inside it run.
func outside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Outside", "yes")
		next.ServeHTTP(w, r)
	})
}

// Under Detach the response goes out at once while the handler keeps running, with
// the headers from outside Detach alone: the handler's may be in use.
func TestX11_ThreadAnswersAtOnceUnderDetach(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		over := make(chan bool, 1)
		detach := background(t).Detach
		s := start(t, p, func(h http.Handler) http.Handler { return outside(detach(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Inside", "yes")
				threadCtx.exitAfter(t, r.Context(), pathCode(r), nil)
				ends(t, r.Context(), pathCode(r))
				time.Sleep(time.Hour)
				refusedWrites(t, w)
				over <- true
			})
		for _, code := range []int{503, 404, 301, 799, 200, 204} {
			path := fmt.Sprintf("/%d", code)
			want := ""
			if code >= 300 {
				want = exitcode.Code(code).String() + "\n"
			}
			for range 2 { // the second while the first handler still works
				a := s.get(path)
				a.is(t, path, code, want)
				check(t, path+", whole after", a.whole, time.Second)
				check(t, path+", header Outside", a.header.Get("Outside"), "yes")
				check(t, path+", header Inside", a.header.Get("Inside"), "")
				s.recorded(code)
				check(t, path+", handlers back", len(over), 0)
			}
			<-over
			<-over
		}
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// With the header on its way the response ends as it stands: at once under
// Detach, else with the handler.
func TestX11_ThreadAfterHeader(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		threadAfterHeader(t, p, exitcode.New(exitcode.Options{}), time.Minute)
		threadAfterHeader(t, p, background(t).Detach, time.Second)
	})
}

func threadAfterHeader(t *testing.T, p pipenet.Proto, in wrap, whole time.Duration) {
	s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "part")
		http.NewResponseController(w).Flush()
		want := error(nil)
		if pathCode(r) >= 300 {
			want = exitcode.ErrHeaderSent
		}
		threadCtx.exitAfter(t, r.Context(), pathCode(r), want)
		ends(t, r.Context(), pathCode(r))
		time.Sleep(time.Minute - time.Second)
		refusedWrites(t, w)
	})
	for _, path := range []string{"/503", "/204"} {
		a := s.get(path)
		a.is(t, path, 200, "part")
		check(t, path+", whole after", a.whole, whole)
		s.recorded(200)
	}
	s.same()
}

// The handler's own context, on the handler's goroutine: its headers count, and
// nothing is read of them before it writes or returns.
func TestX11b_HandlerItself(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, func(h http.Handler) http.Handler { return outside(in(h)) },
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Inside", "yes")
				isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
				time.Sleep(time.Minute)
				if r.URL.Query().Has("flush") {
					isErr(t, "Flush", http.NewResponseController(w).Flush(), exitcode.ErrExited)
					time.Sleep(time.Minute)
				}
			})
		for _, path := range []string{"/401?flush", "/401?return"} {
			a := s.get(path)
			a.is(t, path, 401, "401 Unauthorized\n")
			check(t, path+", header there", a.after, time.Minute)
			check(t, path+", header Outside", a.header.Get("Outside"), "yes")
			check(t, path+", header Inside", a.header.Get("Inside"), "yes")
			s.recorded(401)
		}
		s.same()
	})
}

// A handler that leaves by Throw, when the response has long gone out, has not
// panicked.
func TestX11_ThrowIsNoPanic(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t)
		s := start(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			threadCtx.exitAfter(t, r.Context(), 503, nil)
			ends(t, r.Context(), 503)
			time.Sleep(time.Minute)
			exitcode.Throw(r.Context(), 500)
		})
		a := s.get("/")
		a.is(t, "GET", 503, "503 Service Unavailable\n")
		check(t, "whole after", a.whole, time.Second)
		check(t, "handlers at work", b.Stats().Detached, 1)
		time.Sleep(time.Hour)
		check(t, "Stats()", b.Stats(), eof.Stats{Done: 1})
		check(t, "log", s.Logs(), "")
	})
}

// For the race detector: the handler's header map is its own, whoever exits.
func TestX11_StressHeaderMapInUse(t *testing.T)  { headerMapInUse(t, threadCtx) }
func TestX11b_StressHeaderMapInUse(t *testing.T) { headerMapInUse(t, ownCtx...) }

func headerMapInUse(t *testing.T, besides ...beside) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		for _, b := range besides {
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
				busy := make(chan bool)
				b.spawn(r.Context(), func(ctx context.Context) {
					<-busy
					isErr(t, "Exit", exitcode.Exit(ctx, 503), nil)
				})
				h := w.Header()
				for i := range 2000 {
					if i == 100 {
						close(busy)
					}
					h.Set(fmt.Sprintf("Key-%d", i%8), "value")
				}
				<-r.Context().Done()
				h.Set("Late", "value")
			})
			for range 3 {
				s.get("/").is(t, "GET", 503, "503 Service Unavailable\n")
				s.recorded(503)
			}
		}
	})
}

// A handler that is in the middle of a call does not keep the connection open.
func TestX11_StressDropBesideCalls(t *testing.T) {
	run(t, func(t *testing.T, p pipenet.Proto, in wrap) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			busy := make(chan bool)
			threadCtx.spawn(r.Context(), func(ctx context.Context) {
				<-busy
				isErr(t, "Exit", exitcode.Exit(ctx, 444), nil)
			})
			for i := range 2000 {
				if i == 100 {
					close(busy)
				}
				_ = w.Header()
				if r.Context().Err() != nil {
					_, err := io.WriteString(w, "dropped")
					isErr(t, "Write", err, exitcode.ErrExited)
				}
			}
			<-r.Context().Done()
			time.Sleep(time.Hour)
		}, attach)
		for range 10 {
			s.nothing("/")
			s.recorded(444)
		}
	})
}
