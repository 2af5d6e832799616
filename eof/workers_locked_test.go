package eof_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// TestWorkers_LockedThread: a goroutine whose handler has left it locked to its
// thread serves no other client: what the handler did to the thread is to end
// with it, as in net/http with the connection.
func TestWorkers_LockedThread(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      func(ctx context.Context)
		reused bool
	}{
		{"locked", func(context.Context) { runtime.LockOSThread() }, false},
		{"locked twice, unlocked once", func(context.Context) {
			runtime.LockOSThread()
			runtime.LockOSThread()
			runtime.UnlockOSThread()
		}, false},
		{"locked, panic", func(context.Context) { runtime.LockOSThread(); panic(http.ErrAbortHandler) }, false},
		{"locked, Throw", func(ctx context.Context) { runtime.LockOSThread(); exitcode.Throw(ctx, 503) }, false},
		{"locked after Send", func(ctx context.Context) { eof.Send(ctx); runtime.LockOSThread() }, false},
		{"locked and unlocked", func(context.Context) { runtime.LockOSThread(); runtime.UnlockOSThread() }, true},
		{"not locked", func(context.Context) {}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				at := make(chan string, 1)
				s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
					at <- self()
					if r.URL.Path == "/lock" {
						c.h(r.Context())
					}
				})
				for range 3 {
					if res, err := s.Do(s.NewRequest("POST", "/lock", nil)); err == nil {
						io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
					id := <-at
					synctest.Wait()
					get(t, s, "/").want(t, 200, "")
					if same := <-at == id; same != c.reused {
						t.Errorf("the next handler runs on the same goroutine: %v, want %v", same, c.reused)
					}
					synctest.Wait()
				}
			})
		})
	}
}

// Outside of a bubble the head of a stack trace is another.
func TestWorkers_LockedThreadOutsideOfBubbles(t *testing.T) {
	b := background(t, eof.Options{})
	for _, locked := range []bool{true, false} {
		at := make(chan string, 1)
		s := pipenet.Start(t, pipenet.HTTP1, b.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			at <- self()
			if locked {
				runtime.LockOSThread()
			}
		})))
		ids := map[string]bool{}
		for range 20 {
			get(t, s, "/").want(t, 200, "")
			ids[<-at] = true
		}
		if locked && len(ids) != 20 || !locked && len(ids) == 20 {
			t.Errorf("locked %v: 20 handlers ran on %d goroutines", locked, len(ids))
		}
	}
}
