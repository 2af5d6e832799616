package eof_test

import (
	"context"
	"errors"
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

func TestB8_ServerShutdownReturnsFirst(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := middleware.New(middleware.Options{})
		done := make(chan error, 1)
		h := life.Handler(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			eof.Send(r.Context())
			time.Sleep(time.Hour)
			done <- r.Context().Err()
		})))
		s := pipenet.Start(t, p, h, life.Attach)
		start := time.Now()
		get(t, s, "/").want(t, 200, answer)
		if err := s.Config.Shutdown(t.Context()); err != nil {
			t.Errorf("Server.Shutdown() = %v, want nil", err)
		}
		if d := time.Since(start); d > time.Minute || len(done) > 0 {
			t.Errorf("Server.Shutdown returns at +%v, want it before the work ends", d)
		}
		shutdown(t, life)
		at(t, "Lifecycle.Shutdown's return", start, time.Hour)
		wantErr(t, "ctx.Err() after Send", <-done, nil)
	})
}

func TestB8_ServerShutdownBeginsDraining(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := middleware.New(middleware.Options{})
		t.Cleanup(func() { shutdown(t, life) })
		got := make(chan error, 3)
		h := life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			eof.After(ctx, time.Hour, func(ctx context.Context) {
				if !eof.Premature(ctx) {
					got <- errors.New("an After task ran, and not early")
				}
			})
			eof.Send(ctx)
			time.Sleep(time.Minute)
			got <- eof.After(ctx, time.Second, func(context.Context) {})
			got <- eof.Defer(ctx, func(context.Context) {})
		}))
		s := pipenet.Start(t, p, h, life.Attach)
		get(t, s, "/").want(t, 200, "")
		synctest.Wait()
		s.Config.Shutdown(t.Context())
		wantErr(t, "After during Server.Shutdown", <-got, eof.ErrShuttingDown)
		wantErr(t, "Defer during Server.Shutdown", <-got, nil)
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
		wantNoneLeft(t)
	})
}

// Without a shutdown there is no goroutine left for long, either.
func TestB10_IdleGoroutinesEnd(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Second) })
			eof.Send(r.Context())
			time.Sleep(time.Second)
		})
		for range 10 {
			get(t, s, "/").want(t, 200, "")
		}
		time.Sleep(time.Minute)
		wantStats(t, b, eof.Stats{Done: 20})
		wantNoneLeft(t)
		get(t, s, "/").want(t, 200, "")
	})
}

// wantNoneLeft looks for goroutines of lastbyte in the caller's bubble.
func wantNoneLeft(t *testing.T) {
	t.Helper()
	for _, g := range bubbleStacks(t) {
		for _, pkg := range []string{"abort", "eof", "thread", "middleware", "internal/request", "internal/peer"} {
			if strings.Contains(g, "lastbyte-go/lastbyte/"+pkg+".") {
				t.Errorf("a goroutine is left:\n%s", g)
			}
		}
	}
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

func TestB6_NewTasksDuringShutdown(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		errs, ran := make(chan error, 3), make(chan bool, 2)
		b := background(t, eof.Options{})
		inRequest(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			fn := func(ctx context.Context) { ran <- eof.Premature(ctx) }
			eof.Send(ctx)
			time.Sleep(time.Second) // Shutdown has been called
			errs <- eof.After(ctx, 1, fn)
			errs <- eof.After(ctx, 0, fn)
			errs <- eof.Defer(ctx, fn)
		})
		synctest.Wait()
		shutdown(t, b)
		wantErr(t, "After with d > 0", <-errs, eof.ErrShuttingDown)
		wantErr(t, "After with d = 0", <-errs, nil)
		wantErr(t, "Defer", <-errs, nil)
		if len(ran) != 2 || <-ran || <-ran {
			t.Error("want two tasks, neither of them premature")
		}
		wantStats(t, b, eof.Stats{Done: 3, Rejected: 1})
	})
}
