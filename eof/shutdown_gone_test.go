package eof_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/thread"
)

// A look at once after Shutdown finds no goroutine of lastbyte. The
// last of them had done all that it had to do, and was still returning.
func TestB10_NothingIsLeftAtOnce(t *testing.T) {
	buf := make([]byte, 1<<20)
	for i := range 300 {
		b := eof.New(eof.Options{})
		h := b.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			io.WriteString(w, answer)
			if i%3 > 0 {
				eof.Defer(ctx, func(context.Context) {})
				thread.Spawn(ctx, func(context.Context) error { return nil })
			}
			if i%2 > 0 {
				eof.Send(ctx)
			}
		}))
		for range 3 {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}
		if err := b.Shutdown(t.Context()); err != nil {
			t.Fatalf("Shutdown() = %v, want nil", err)
		}
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "lastbyte/eof.(") || strings.Contains(g, "lastbyte/internal/request.") {
				t.Fatalf("round %d: Shutdown has left\n%s", i, g)
			}
		}
	}
}

// A process may have many goroutines that are not lastbyte's, of WebSockets for
// instance. Shutdown does not stop them all again and again to look at them: with
// 100,000 of them it took 25 seconds, whatever its context said.
func TestB10_ManyOtherGoroutines(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector has a limit of about 8,000 goroutines")
	}
	stop := make(chan struct{})
	var others sync.WaitGroup
	for range 50_000 {
		others.Go(func() { <-stop })
	}
	defer others.Wait()
	defer close(stop)
	b := eof.New(eof.Options{})
	h := b.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { eof.Send(r.Context()) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	begin := time.Now()
	if err := b.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown() = %v, want nil", err)
	}
	if d := time.Since(begin); d > time.Second {
		t.Errorf("Shutdown takes %v, want less than a second", d)
	}
}
