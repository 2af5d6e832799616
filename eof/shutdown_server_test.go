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
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

func TestB8_ServerShutdownReturnsFirst(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, answer)
		eof.Send(r.Context())
		time.Sleep(time.Hour)
		wantErr(t, "ctx.Err() after Send", r.Context().Err(), nil)
	}
	aborttest.RunWith(t, aborttest.Options{Detach: true}, http.HandlerFunc(h), func(t *testing.T, c *aborttest.Client) {
		start, call := time.Now(), c.Get("/")
		if r := call.Response(); r.Body != answer || r.Err != nil {
			t.Errorf("Response = %+v, want the answer", r)
		}
		wantErr(t, "Server.Shutdown()", c.Server().Shutdown(t.Context()), nil)
		if d := time.Since(start); d > time.Minute {
			t.Errorf("Server.Shutdown returns at +%v, want it before the work ends", d)
		}
		shutdown(t, c.Lifecycle())
		at(t, "Lifecycle.Shutdown's return", start, time.Hour)
		if o := call.Done(); o.Worked != time.Hour {
			t.Errorf("Done = %+v, want an hour of work", o)
		}
	})
}

func TestB8_ServerShutdownBeginsDraining(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		eof.After(ctx, time.Hour, func(ctx context.Context) {
			if !eof.Premature(ctx) {
				t.Error("an After task ran, and not early")
			}
		})
		eof.Send(ctx)
		time.Sleep(time.Minute)
		wantErr(t, "After during Server.Shutdown", eof.After(ctx, time.Second, func(context.Context) {}), eof.ErrShuttingDown)
		wantErr(t, "Defer during Server.Shutdown", eof.Defer(ctx, func(context.Context) {}), nil)
	}
	aborttest.RunWith(t, aborttest.Options{Detach: true}, http.HandlerFunc(h), func(t *testing.T, c *aborttest.Client) {
		call := c.Get("/")
		call.Response()
		synctest.Wait()
		c.Server().Shutdown(t.Context())
		if o := call.Done(); o.Worked != time.Minute {
			t.Errorf("Done = %+v, want a minute of work", o)
		}
	})
}

// Every kind of goroutine has been at work when Shutdown returns; then none is
// left. A bubble that ends with one of them would panic, too.
func TestB10_NoGoroutineLeft(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
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
	}
	aborttest.RunWith(t, aborttest.Options{Detach: true}, http.HandlerFunc(h), func(t *testing.T, c *aborttest.Client) {
		for range 3 {
			if r := c.Get("/").Response(); r.Status != 200 || r.Err != nil {
				t.Errorf("Response = %+v, want 200", r)
			}
		}
		shutdown(t, c.Lifecycle())
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
