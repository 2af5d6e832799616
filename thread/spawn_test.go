package thread_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/thread"
)

func TestT1_ResponseEndsAfterTheLastThread(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		during, after := make(chan error, 2), make(chan context.Context, 1)
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte("handler "))
			var mu sync.Mutex
			for i, d := range []time.Duration{2 * time.Second, time.Second} {
				thread.Spawn(r.Context(), func(ctx context.Context) error {
					time.Sleep(d)
					mu.Lock()
					defer mu.Unlock()
					w.Write([]byte{'0' + byte(i), ' '})
					during <- errors.Join(ctx.Err(), r.Context().Err())
					return nil
				})
			}
			after <- r.Context()
		})
		start := time.Now()
		wantAnswer(t, s, "/", 200, "handler 1 0 ")
		at(t, "the end of the response", start, 2*time.Second)
		for range 2 {
			wantErr(t, "ctx.Err() in a thread, the handler has returned", <-during, nil)
		}
		synctest.Wait()
		wantErr(t, "the cause of ctx after the end", context.Cause(<-after), context.Canceled)
	})
}

// A thread of a thread counts as well, also when the handler is long gone.
func TestT1_ThreadOfAThread(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				time.Sleep(time.Second)
				_, err := thread.Spawn(ctx, func(context.Context) error {
					time.Sleep(time.Second)
					io.WriteString(w, "inner")
					return nil
				})
				return err
			})
		})
		start := time.Now()
		wantAnswer(t, s, "/", 200, "inner")
		at(t, "the end of the response", start, 2*time.Second)
	})
}

// A thread's context ends with it, so that nothing hangs on the request's.
func TestSpawn_ContextEndsWithTheThread(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		got := make(chan error, 1)
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			kept := make(chan context.Context, 1)
			th, _ := thread.Spawn(r.Context(), func(ctx context.Context) error { kept <- ctx; return nil })
			th.Wait(r.Context())
			got <- context.Cause(<-kept)
		})
		wantAnswer(t, s, "/", 200, "")
		if err := <-got; err != context.Canceled {
			t.Errorf("the cause of the thread's ctx after its end = %v, want %v", err, context.Canceled)
		}
	})
}

// The handler panics: its threads are called back, the connection is dropped.
func TestT1_HandlerPanics(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		got := make(chan error, 1)
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				<-ctx.Done()
				got <- ctx.Err()
				return nil
			})
			panic(http.ErrAbortHandler)
		})
		if r := s.Get("/").Response(); r.Err == nil {
			t.Errorf("Get = %+v, want an error", r)
		}
		wantErr(t, "ctx.Err() in the thread", <-got, context.Canceled)
	})
}

// panicsHere has a name to look for in stacks.
func panicsHere(v any) error { panic(v) }

func TestT2_PanicInAThread(t *testing.T) {
	boom := errors.New("boom")
	for name, v := range map[string]any{"error": boom, "string": "boom", "wrapped": errors.Join(boom)} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
				got := make(chan error, 1)
				s := serve(func(w http.ResponseWriter, r *http.Request) {
					th, _ := thread.Spawn(r.Context(), func(context.Context) error { return panicsHere(v) })
					got <- th.Wait(r.Context())
					time.Sleep(time.Second)
					if r.Context().Err() == nil {
						io.WriteString(w, "goes on")
					}
				})
				wantAnswer(t, s, "/", 200, "goes on")
				err := <-got
				e, ok := errors.AsType[*thread.PanicError](err)
				if !ok || e.Value != v || err.Error() != "thread: panic: boom" {
					t.Fatalf("Wait = %#v, want a *PanicError with %v", err, v)
				}
				if !strings.Contains(string(e.Stack), "thread_test.panicsHere") {
					t.Errorf("PanicError.Stack =\n%s\nwant the panic's", e.Stack)
				}
				if _, isErr := v.(error); isErr != errors.Is(err, boom) {
					t.Errorf("errors.Is(%v, boom) = %v, want %v", err, !isErr, isErr)
				}
				if l := s.Log(); strings.Count(l, "boom") != 1 || !strings.Contains(l, "thread_test.panicsHere") {
					t.Errorf("logged %q, want the panic once, with its stack", l)
				}
			})
		})
	}
}

func TestT2_GoexitInAThread(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		got := make(chan error, 1)
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			th, _ := thread.Spawn(r.Context(), func(context.Context) error { runtime.Goexit(); return nil })
			got <- th.Wait(r.Context())
			io.WriteString(w, "goes on")
		})
		wantAnswer(t, s, "/", 200, "goes on")
		if err := <-got; err == nil || !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("Wait = %v, want an error that says Goexit", err)
		}
	})
}

func TestT3_ErrorInAThread(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		mine := errors.New("mine")
		got := make(chan error, 2)
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			th, _ := thread.Spawn(r.Context(), func(context.Context) error { return mine })
			got <- th.Wait(r.Context())
			got <- r.Context().Err()
			io.WriteString(w, "goes on")
		})
		wantAnswer(t, s, "/", 200, "goes on")
		if err := <-got; err != mine {
			t.Errorf("Wait = %v, want %v itself", err, mine)
		}
		wantErr(t, "ctx.Err() after it", <-got, nil)
		if s.Log() != "" {
			t.Errorf("logged %q, want nothing", s.Log())
		}
	})
}
