package eof_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
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

// Every kind of goroutine has been at work when Shutdown returns; then none is
// left. A bubble that ends with one of them would panic, too.
func TestB10_NoGoroutineLeft(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := middleware.New(middleware.Options{})
		s := pipenet.Start(t, p, life.Handler(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			abort.On(ctx, func(context.Context) {})
			for range 300 { // more than run at once
				eof.Defer(ctx, func(context.Context) { time.Sleep(time.Second) })
			}
			eof.After(ctx, time.Hour, func(context.Context) {})
			th, _ := thread.Spawn(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
			child, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			eof.Send(ctx)
			<-child.Done()
			th.Kill()
		}))), life.Attach)
		for range 3 {
			get(t, s, "/").want(t, 200, "")
		}
		shutdown(t, life)
		synctest.Wait()
		for _, g := range bubbleStacks(t) {
			for _, pkg := range []string{"abort", "eof", "thread", "middleware", "internal/request", "internal/peer"} {
				if strings.Contains(g, "lastbyte-go/lastbyte/"+pkg+".") {
					t.Errorf("a goroutine is left:\n%s", g)
				}
			}
		}
	})
}

// bubbleStacks gives the stacks of the goroutines in the caller's bubble.
func bubbleStacks(t *testing.T) (stacks []string) {
	t.Helper()
	buf := make([]byte, 1<<20)
	all := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	_, mine, ok := strings.Cut(strings.SplitN(all[0], "]", 2)[0], "synctest bubble ")
	if !ok {
		t.Fatalf("no bubble in %q", all[0])
	}
	for _, g := range all[1:] {
		if strings.Contains(strings.SplitN(g, ":\n", 2)[0], "synctest bubble "+mine+"]") {
			stacks = append(stacks, g)
		}
	}
	return stacks
}
