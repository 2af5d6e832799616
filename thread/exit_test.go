package thread_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

func TestT4_ExitInAThread(t *testing.T) {
	for name, exit := range map[string]func(context.Context) error{
		"Exit":  func(ctx context.Context) error { return exitcode.Exit(ctx, 503) },
		"Throw": func(ctx context.Context) error { exitcode.Throw(ctx, 503); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
				causes, refused := make(chan error, 2), make(chan error, 1)
				s := serve(func(w http.ResponseWriter, r *http.Request) {
					ctx := r.Context()
					thread.Spawn(ctx, func(ctx context.Context) error {
						<-ctx.Done()
						causes <- context.Cause(ctx)
						return nil
					})
					thread.Spawn(ctx, exit)
					<-ctx.Done()
					causes <- context.Cause(ctx)
					_, err := thread.Spawn(ctx, func(context.Context) error { return nil })
					refused <- err
				})
				wantAnswer(t, s, "/", 503, "503 Service Unavailable\n")
				for range 2 {
					err := <-causes
					if e, ok := errors.AsType[*exitcode.ExitError](err); !ok || e.Code != 503 {
						t.Errorf("the cause in handler and thread = %v, want the exit with 503", err)
					}
				}
				wantErr(t, "Spawn after the exit", <-refused, thread.ErrExited)
				if s.Log() != "" {
					t.Errorf("logged %q, want nothing", s.Log())
				}
			})
		})
	}
}

// The handler has returned, and its last thread decides.
func TestT4_ExitInTheLastThread(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				time.Sleep(time.Second)
				return exitcode.Exit(ctx, 404)
			})
		})
		wantAnswer(t, s, "/", 404, "404 Not Found\n")
	})
}

// A client that leaves ends the threads, too.
func TestT4_AbortEndsThreads(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol) {
		cause := make(chan error, 1)
		s := bare(t, p, abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				<-ctx.Done()
				cause <- context.Cause(ctx)
				return nil
			})
		})))
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		if err := <-cause; !errors.Is(err, abort.ErrClientAborted) {
			t.Errorf("the cause in the thread = %v, want %v", err, abort.ErrClientAborted)
		}
	})
}

// Throw unwinds a thread without a panic for anybody to see.
func TestT4_ThrowInAThread(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol) {
		ends := make(chan error, 1)
		s := bare(t, p, exitcode.New(exitcode.Options{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			th, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
				exitcode.Throw(ctx, 403)
				return nil
			})
			if err != nil {
				t.Errorf("Spawn() = %v, want nil", err)
				return
			}
			ends <- th.Wait(context.WithoutCancel(r.Context()))
		})))
		wantAnswer(t, s, "/", 403, "403 Forbidden\n")
		if err := <-ends; !errors.Is(err, thread.ErrExited) {
			t.Errorf("Wait() = %v, want %v", err, thread.ErrExited)
		}
		if log := s.Log(); log != "" {
			t.Errorf("Logs() = %q, want nothing", log)
		}
	})
}
