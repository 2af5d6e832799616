package eof_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// between is a middleware that runs f between Handler and Detach, where there is
// no detached handler yet that an ending could leave behind.
func between(b *eof.Background, f func(ctx context.Context)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		detached := b.Detach(next)
		return abort.Check(b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f(r.Context())
			detached.ServeHTTP(w, r)
		})))
	}
}

// The response does not wait for a handler that does not look at its context,
// also if the exit was there before it.
func TestX11_ExitBeforeDetach(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		begun := make(chan error, 1)
		s := serve(t, p, between(b, func(ctx context.Context) {
			th, err := thread.Spawn(ctx, func(ctx context.Context) error { return exitcode.Exit(ctx, 503) })
			if err == nil {
				err = th.Wait(context.Background())
			}
			wantErr(t, "Exit", err, nil)
		}), func(w http.ResponseWriter, r *http.Request) {
			begun <- r.Context().Err()
			time.Sleep(time.Second)
			_, err := w.Write([]byte("late"))
			wantErr(t, "Write after the exit", err, exitcode.ErrExited)
		})
		start := time.Now()
		get(t, s, "/").want(t, 503, "503 Service Unavailable\n")
		at(t, "the exit's response", start, 0)
		wantErr(t, "ctx.Err() in the handler", <-begun, context.Canceled)
		shutdown(t, b)
		at(t, "the handler's end", start, time.Second)
		wantStats(t, b, eof.Stats{Done: 1})
	})
}

// Nobody waits for the response of a client that has left: ServeHTTP returns
// with its handler.
func TestX11_AbortBeforeDetach(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		var returned time.Duration
		back := make(chan struct{})
		start := time.Now()
		wrap := func(next http.Handler) http.Handler {
			h := between(b, func(ctx context.Context) { <-ctx.Done() })(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(back)
				h.ServeHTTP(w, r)
				returned = time.Since(start)
			})
		}
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) { time.Sleep(time.Second) })
		s.Begin(s.NewRequest("POST", "/", nil))
		synctest.Wait()
		s.Conns()[0].Reset()
		<-back
		if returned != time.Second {
			t.Errorf("ServeHTTP returns at +%v, want +1s", returned)
		}
		shutdown(t, b)
		at(t, "the handler's end", start, time.Second)
	})
}
