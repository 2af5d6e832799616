package eof_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// However a handler ends, the next one is served, and nothing is left over. Only
// runtime.Goexit takes the goroutine with it, as it does anywhere.
func TestWorkers_NotPoisoned(t *testing.T) {
	const (
		drops = 1 << iota // the client has no whole answer
		exits             // the goroutine ends
	)
	for _, c := range []struct {
		name string
		end  func(ctx context.Context)
		flag int
	}{
		{"panic", func(context.Context) { panicsLate("boom") }, drops},
		{"panic after Send", func(ctx context.Context) { eof.Send(ctx); panicsLate("boom") }, 0},
		{"http.ErrAbortHandler", func(context.Context) { panic(http.ErrAbortHandler) }, drops},
		{"http.ErrAbortHandler after Send", func(ctx context.Context) { eof.Send(ctx); panic(http.ErrAbortHandler) }, 0},
		{"runtime.Goexit", func(context.Context) { runtime.Goexit() }, drops | exits},
		{"runtime.Goexit after Send", func(ctx context.Context) { eof.Send(ctx); runtime.Goexit() }, exits},
		{"Exit", func(ctx context.Context) { exitcode.Exit(ctx, exitcode.Close) }, drops},
		{"Throw", func(ctx context.Context) { exitcode.Throw(ctx, exitcode.Close) }, drops},
		{"Throw after Send", func(ctx context.Context) { eof.Send(ctx); exitcode.Throw(ctx, 500) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				at := make(chan string, 1)
				got := make(chan caught, 3)
				b := background(t, eof.Options{OnPanic: onPanic(got)})
				s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, answer)
					at <- self()
					if r.URL.Path == "/end" {
						c.end(r.Context())
					}
				})
				for range 3 {
					res, err := s.Do(s.NewRequest("POST", "/end", nil)) // which no client sends again
					if err == nil {
						_, err = io.ReadAll(res.Body)
					}
					if (err != nil) != (c.flag&drops != 0) {
						t.Errorf("the client reads its answer with %v, want it dropped: %v", err, c.flag&drops != 0)
					}
					id := <-at
					synctest.Wait() // a worker is back at its place
					get(t, s, "/").want(t, 200, answer)
					synctest.Wait()
					if same := <-at == id; same != (c.flag&exits == 0) {
						t.Errorf("the next handler runs on the same goroutine: %v, want %v", same, !same)
					}
				}
				shutdown(t, b)
				synctest.Wait()
				wantNoneLeft(t)
				if st := b.Stats(); st.Detached != 0 || st.Lost != 0 {
					t.Errorf("Stats() = %+v, want nothing at work, nothing lost", st)
				}
			})
		})
	}
}

// Handlers whose stack has to grow, on goroutines that have it, and on one of
// its own for each.
func BenchmarkDeepStack(b *testing.B) {
	for _, depth := range []int{1, 16, 64} { // KB
		handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { deep(depth) })
		run := func(name string, h http.Handler) {
			b.Run(fmt.Sprintf("%dKB/%s", depth, name), func(b *testing.B) {
				b.ReportAllocs()
				r := httptest.NewRequest("GET", "/", nil)
				w := httptest.NewRecorder()
				for b.Loop() {
					h.ServeHTTP(w, r)
				}
			})
		}
		background := eof.New(eof.Options{})
		run("Detach", background.Detach(handler))
		run("go", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var over sync.WaitGroup
			over.Go(func() { handler(w, r) })
			over.Wait()
		}))
		shutdown(b, background)
	}
}

// deep uses that many KB of stack.
//
//go:noinline
func deep(kb int) byte {
	var frame [1 << 10]byte
	if kb > 1 {
		frame[kb] = deep(kb - 1)
	}
	return frame[kb&1]
}
