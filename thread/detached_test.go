package thread_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// After Send the threads belong to the detached work: the response does not
// wait for them, a shutdown does.
func TestT1_ThreadsAfterSend(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol) {
		b := eof.New(eof.Options{})
		t.Cleanup(func() { _ = b.Shutdown(context.Background()) })
		got := make(chan error, 2)
		s := bare(t, p, b.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			work := func(ctx context.Context) error {
				time.Sleep(time.Minute)
				got <- errors.Join(ctx.Err(), r.Context().Err())
				return nil
			}
			thread.Spawn(r.Context(), work)
			io.WriteString(w, "answer")
			eof.Send(r.Context())
			thread.Spawn(r.Context(), work)
		})))
		start := time.Now()
		wantAnswer(t, s, "/", 200, "answer")
		at(t, "the whole answer", start, 0)
		synctest.Wait()
		if st, want := b.Stats(), (eof.Stats{Detached: 1}); st != want {
			t.Errorf("Stats() = %+v, want %+v", st, want)
		}
		wantErr(t, "Shutdown", b.Shutdown(t.Context()), nil)
		at(t, "Shutdown's return", start, time.Minute)
		for range 2 {
			wantErr(t, "ctx.Err() in a thread, the handler has returned", <-got, nil)
		}
	})
}

// A thread may be the one that sends, and the handler goes on.
func TestT1_SendInAThread(t *testing.T) {
	runIn(t, "Detach", func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		got := make(chan error, 3)
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Mine", "mine")
			io.WriteString(w, "answer")
			th, _ := thread.Spawn(r.Context(), eof.Send)
			got <- th.Wait(r.Context())
			_, err := io.WriteString(w, "late")
			got <- err
			time.Sleep(time.Second)
			got <- r.Context().Err()
		})
		start := time.Now()
		wantAnswer(t, s, "/", 200, "answer")
		at(t, "the whole answer", start, 0)
		wantErr(t, "Send in a thread", <-got, nil)
		wantErr(t, "Write after it", <-got, eof.ErrEnded)
		wantErr(t, "ctx.Err() after it", <-got, nil)
	})
}

func TestT2_PanicInAThreadAfterSend(t *testing.T) {
	runIn(t, "Detach", func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		got := make(chan error, 2)
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			th, _ := thread.Spawn(r.Context(), func(context.Context) error { return panicsHere("boom") })
			got <- th.Wait(r.Context())
			got <- r.Context().Err()
		})
		wantAnswer(t, s, "/", 200, "")
		if err := <-got; err == nil || err.Error() != "thread: panic: boom" {
			t.Errorf("Wait = %v, want the panic", err)
		}
		wantErr(t, "ctx.Err() after it", <-got, nil)
		wantAnswer(t, s, "/", 200, "")
	})
}

// Exit in a thread after Send ends the work, not the response.
func TestT4_ExitInAThreadAfterSend(t *testing.T) {
	runIn(t, "Detach", func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		got := make(chan error, 2)
		s := serve(func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			th, _ := thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, 500) })
			got <- th.Wait(context.Background())
			<-r.Context().Done()
			got <- context.Cause(r.Context())
		})
		wantAnswer(t, s, "/", 200, "")
		wantErr(t, "Exit", <-got, exitcode.ErrEnded)
		if e, ok := errors.AsType[*exitcode.ExitError](<-got); !ok || e.Code != 500 {
			t.Errorf("the cause of ctx = %v, want the exit with 500", e)
		}
	})
}

// chi recycles its route context when the router returns; the threads of each
// request go on to read their own.
func TestSpawn_RouteAfterTheRouterReturned(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol) {
		const n = 301
		b := eof.New(eof.Options{})
		t.Cleanup(func() { _ = b.Shutdown(context.Background()) })
		got := make(chan string, n)
		r := chi.NewRouter()
		r.With(b.Detach).Get("/task/{id}", func(w http.ResponseWriter, r *http.Request) {
			want := chi.URLParam(r, "id") + " /task/{id}"
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				time.Sleep(time.Hour)
				if route := chi.URLParamFromCtx(ctx, "id") + " " + chi.RouteContext(ctx).RoutePattern(); route != want {
					got <- fmt.Sprintf("%q, want %q", route, want)
				} else {
					got <- ""
				}
				return nil
			})
			eof.Send(r.Context())
		})
		s := bare(t, p, r)
		for i := range n {
			wantAnswer(t, s, fmt.Sprint("/task/", i), 200, "")
		}
		for range n {
			if bad := <-got; bad != "" {
				t.Errorf("the route in a thread = %s", bad)
			}
		}
		b.Shutdown(t.Context())
	})
}

// The middleware is outside the router here: the request waits for its thread,
// the router does not.
func TestSpawn_RouteInHandler(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol) {
		const n = 20
		got := make(chan string, n)
		r := chi.NewRouter()
		r.Get("/task/{id}", func(w http.ResponseWriter, r *http.Request) {
			want := chi.URLParam(r, "id")
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				time.Sleep(time.Second)
				if id := chi.URLParamFromCtx(ctx, "id"); id != want {
					got <- fmt.Sprintf("%q, want %q", id, want)
				} else {
					got <- ""
				}
				return nil
			})
		})
		s := bare(t, p, eof.New(eof.Options{}).Handler(r))
		for i := range n {
			s.Get(fmt.Sprint("/task/", i))
			synctest.Wait()
		}
		for range n {
			if bad := <-got; bad != "" {
				t.Errorf("the route parameter in a thread = %s", bad)
			}
		}
	})
}
