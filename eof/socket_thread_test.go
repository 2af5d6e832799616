package eof_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// mounts are the two ways to run a handler with threads.
var mounts = map[string]func(*middleware.Lifecycle, http.Handler) http.Handler{
	"Handler": (*middleware.Lifecycle).Handler,
	"Detach":  (*middleware.Lifecycle).Detach,
}

// The handler has returned when the client has the first line, and the thread writes
// the second then.
func TestT1_OnSockets(t *testing.T) {
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			onSockets(t, func(t *testing.T, l *link) {
				done, back := make(chan error, 1), make(chan struct{})
				life := middleware.New(middleware.Options{})
				s := l.serve(t, life, mount(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer close(back)
					thread.Spawn(r.Context(), func(ctx context.Context) error {
						<-l.answered
						<-back
						_, err := io.WriteString(w, "thread\n")
						done <- errors.Join(err, ctx.Err(), r.Context().Err())
						return nil
					})
					io.WriteString(w, "handler\n")
					http.NewResponseController(w).Flush()
				})))
				res, err := s.client.Get(s.URL)
				if err != nil {
					t.Fatalf("Get = %v, want a response", err)
				}
				br := bufio.NewReader(res.Body)
				if line, err := br.ReadString('\n'); line != "handler\n" {
					t.Errorf("the first line is %q, %v; want the handler's", line, err)
				}
				l.release()
				res.Body = struct {
					io.Reader
					io.Closer
				}{br, res.Body}
				read(t, res, nil).want(t, 200, "thread\n")
				wantErr(t, "Write and ctx.Err() in the thread, the handler has returned", <-done, nil)
			})
		})
	}
}

// After Send the response does not wait for threads, and they keep running when the
// handler has returned. One of them may be who sends.
func TestT1_OnSocketsAfterSend(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		sent, done, back := make(chan error, 1), make(chan error, 1), make(chan struct{})
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			defer close(back)
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				<-l.answered
				<-back
				done <- errors.Join(ctx.Err(), r.Context().Err())
				return nil
			})
			io.WriteString(w, answer)
			th, _ := thread.Spawn(r.Context(), eof.Send)
			sent <- th.Wait(r.Context())
		})
		s.get(t, "/").want(t, 200, answer)
		wantErr(t, "Send in a thread", <-sent, nil)
		l.release()
		wantErr(t, "ctx.Err() in a thread, the handler has returned", <-done, nil)
	})
}

// Exit in a thread ends handler and threads, before the header and after it.
func TestT4_OnSockets(t *testing.T) {
	t.Parallel()
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			onSockets(t, func(t *testing.T, l *link) {
				causes := make(chan error, 2)
				life := middleware.New(middleware.Options{})
				s := l.serve(t, life, mount(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					thread.Spawn(r.Context(), func(ctx context.Context) error {
						<-ctx.Done()
						causes <- context.Cause(ctx)
						return nil
					})
					thread.Spawn(r.Context(), func(ctx context.Context) error {
						return exitcode.Exit(ctx, map[string]exitcode.Code{"/503": 503, "/444": 444}[r.URL.Path])
					})
					<-r.Context().Done()
					causes <- context.Cause(r.Context())
				})))
				ended := func(want exitcode.Code) {
					for range 2 { // under Detach the response may come first
						cause := <-causes
						if e, ok := errors.AsType[*exitcode.ExitError](cause); !ok || e.Code != want {
							t.Errorf("the cause of a ctx = %v, want the exit with %v", cause, want)
						}
					}
				}
				s.get(t, "/503").want(t, 503, "503 Service Unavailable\n")
				ended(503)
				res, err := s.client.Post(s.URL+"/444", "text/plain", nil)
				if err == nil {
					t.Errorf("444: status %d, want no response", res.StatusCode)
					res.Body.Close()
				}
				ended(444)
			})
		})
	}
}

// T2, T3, T5, T6: how threads end is told by Wait and WaitAny; the request goes
// on, also after Send.
func TestT2_T3_T5_T6_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		boom := errors.New("boom")
		type ends struct{ panics, fails, killed, first error }
		got := make(chan ends, 2)
		var logged book
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if r.URL.Path == "/send" {
				io.WriteString(w, answer)
				eof.Send(ctx)
			}
			var e ends
			th, _ := thread.Spawn(ctx, func(context.Context) error { panicsLate(boom); return nil })
			e.panics = th.Wait(ctx)
			fails, _ := thread.Spawn(ctx, func(context.Context) error { return boom })
			e.fails = fails.Wait(ctx)
			th, _ = thread.Spawn(ctx, func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
			if first, err := thread.WaitAny(ctx, th, fails); first == fails {
				e.first = err
			}
			th.Kill()
			e.killed = th.Wait(ctx)
			got <- e
			io.WriteString(w, answer)
		}, func(srv *http.Server) { srv.ErrorLog.SetOutput(&logged) })
		for _, path := range []string{"/", "/send"} {
			s.get(t, path).want(t, 200, answer)
			e := <-got
			if p, ok := errors.AsType[*thread.PanicError](e.panics); !ok || p.Value != boom {
				t.Errorf("Wait for a panic = %v, want a *PanicError with %v", e.panics, boom)
			}
			wantErr(t, "Wait for an error", e.fails, boom)
			wantErr(t, "WaitAny", e.first, boom)
			wantErr(t, "Wait for a killed thread", e.killed, thread.ErrKilled)
		}
		s.wantConns(t, 1)
		if n := strings.Count(logged.String(), "eof_test.panicsLate"); n != 2 {
			t.Errorf("%d stacks of the 2 panics are logged: %q", n, logged.String())
		}
	})
}
