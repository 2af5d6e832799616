package eof_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// A handler is still before its Send when a shutdown gives up. Its response is
// whole, but there is no time left for work after it.
func TestB7_SendAfterForcedShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := background(t, eof.Options{})
		got := make(chan error, 3)
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			io.WriteString(w, answer)
			got <- eof.Send(r.Context())
			select {
			case <-r.Context().Done():
			case <-time.After(time.Hour):
			}
			got <- context.Cause(r.Context())
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		wantErr(t, "Shutdown", b.Shutdown(ended), context.Canceled)
		res, err := call.Wait()
		read(t, res, err).want(t, 200, answer)
		wantErr(t, "Send", <-got, nil)
		wantErr(t, "the cause of ctx after Send", <-got, eof.ErrShuttingDown)
		synctest.Wait()
		wantStats(t, b, eof.Stats{Lost: 1})
	})
}

// Threads and abort callbacks are the Background's as well, once there is one.
func TestB7_ForcedEndsThreadsAndCallbacks(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		causes := make(chan error, 1)
		wait := func(ctx context.Context) error {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return nil
		}
		wrap := func(h http.Handler) http.Handler { return abort.Check(b.Detach(h)) }
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/thread" {
				thread.Spawn(r.Context(), wait)
				eof.Send(r.Context())
				return
			}
			abort.On(r.Context(), func(ctx context.Context) { wait(ctx) })
			time.Sleep(time.Second)
		})
		get(t, s, "/thread").want(t, 200, "")
		wantErr(t, "Shutdown", b.Shutdown(ended), context.Canceled)
		wantErr(t, "the cause in a thread after Send", <-causes, eof.ErrShuttingDown)
		call := s.Begin(s.NewRequest("GET", "/callback", nil))
		synctest.Wait()
		call.Cancel()
		synctest.Wait()
		wantErr(t, "Shutdown", b.Shutdown(ended), context.Canceled)
		wantErr(t, "the cause in an abort callback", <-causes, eof.ErrShuttingDown)
	})
}

// A callback that begins when there is no time left is told so at once.
func TestB7_CallbackAfterForcedShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := background(t, eof.Options{})
		cause := make(chan error, 1)
		wrap := func(h http.Handler) http.Handler { return abort.Check(b.Detach(h)) }
		s := serve(t, p, wrap, func(_ http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(ctx context.Context) { cause <- context.Cause(ctx) })
			time.Sleep(time.Minute)
		})
		call := s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		wantErr(t, "Shutdown", b.Shutdown(ended), context.Canceled)
		call.Cancel()
		wantErr(t, "the cause of the callback's ctx", <-cause, eof.ErrShuttingDown)
	})
}

func TestB7_ForcedShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		causes, refused := make(chan error, 3), make(chan error, 1)
		b := background(t, eof.Options{Running: 2})
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			for i := range 3 { // the third one waits, and never runs
				eof.Defer(ctx, func(ctx context.Context) {
					if i == 2 {
						t.Error("a task that was given up has run")
					}
					<-ctx.Done()
					if i == 0 {
						refused <- eof.Defer(ctx, func(context.Context) {})
					}
					causes <- context.Cause(ctx)
				})
			}
			io.WriteString(w, answer)
			eof.Send(ctx)
			<-ctx.Done()
			causes <- context.Cause(ctx)
		})
		get(t, s, "/").want(t, 200, answer)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		err := b.Shutdown(ctx)
		at(t, "Shutdown's return", start, time.Minute)
		wantErr(t, "Shutdown", err, ctx.Err())
		if want := "eof: shutdown gave up 1 handler (GET, 60.0s) and 3 tasks (GET 60.0s, GET 60.0s, GET 60.0s): context deadline exceeded"; err.Error() != want {
			t.Errorf("Shutdown = %q, want %q", err, want)
		}
		for range 3 {
			wantErr(t, "the cause of a context given up", <-causes, eof.ErrShuttingDown)
		}
		wantErr(t, "Defer after a forced shutdown", <-refused, eof.ErrShuttingDown)
		synctest.Wait()
		wantStats(t, b, eof.Stats{Lost: 4, Rejected: 1})
		wantErr(t, "Shutdown once more", b.Shutdown(t.Context()), nil)
	})
}

// Work that is deaf to its context is counted as lost, once, also by a second
// shutdown that gives up.
func TestB7_ForcedTwice(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := background(t, eof.Options{})
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Hour) })
		})
		synctest.Wait()
		for range 2 {
			err := b.Shutdown(ended)
			wantErr(t, "Shutdown", err, context.Canceled)
			if !strings.Contains(fmt.Sprint(err), "gave up 1 ") {
				t.Errorf("Shutdown = %v, want it to say that 1 is left", err)
			}
			wantStats(t, b, eof.Stats{Running: 1, Lost: 1})
		}
		shutdown(t, b)
		wantStats(t, b, eof.Stats{Lost: 1})
	})
}

// The tasks of a response that has not ended are given up with the others.
func TestB7_ForcedBeforeTheResponseEnds(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := background(t, eof.Options{})
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			never := func(context.Context) { t.Error("a task that was given up has run") }
			eof.Defer(r.Context(), never)
			eof.After(r.Context(), time.Second, never)
			wantErr(t, "Shutdown", b.Shutdown(ended), context.Canceled)
			wantErr(t, "Defer after it", eof.Defer(r.Context(), never), eof.ErrShuttingDown)
		}).want(t, 200, "")
		time.Sleep(time.Minute)
		wantStats(t, b, eof.Stats{Lost: 2, Rejected: 1})
	})
}

func TestB4_ShutdownTwiceAtOnce(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		inRequest(t, p, b.Handler, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Minute) })
		})
		start := time.Now()
		errs := make(chan error, 3)
		for range 2 {
			go func() { errs <- b.Shutdown(context.Background()) }()
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			errs <- b.Shutdown(ctx)
		}()
		wantErr(t, "the Shutdown with little time", <-errs, context.DeadlineExceeded)
		at(t, "its return", start, time.Second)
		for range 2 {
			wantErr(t, "a Shutdown with all the time", <-errs, nil)
			at(t, "its return", start, time.Minute)
		}
		wantStats(t, b, eof.Stats{Lost: 1})
	})
}
