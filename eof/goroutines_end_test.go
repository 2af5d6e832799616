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

// However a handler ends, the next one is served, and nothing is left over.
func TestGoroutines_HoweverTheHandlerEnds(t *testing.T) {
	const drops = true // the client has no whole answer
	for _, c := range []struct {
		name  string
		end   func(ctx context.Context)
		drops bool
	}{
		{"panic", func(context.Context) { panicsLate("boom") }, drops},
		{"panic after Send", func(ctx context.Context) { eof.Send(ctx); panicsLate("boom") }, false},
		{"http.ErrAbortHandler", func(context.Context) { panic(http.ErrAbortHandler) }, drops},
		{"http.ErrAbortHandler after Send", func(ctx context.Context) { eof.Send(ctx); panic(http.ErrAbortHandler) }, false},
		{"runtime.Goexit", func(context.Context) { runtime.Goexit() }, drops},
		{"runtime.Goexit after Send", func(ctx context.Context) { eof.Send(ctx); runtime.Goexit() }, false},
		{"Exit", func(ctx context.Context) { exitcode.Exit(ctx, exitcode.Close) }, drops},
		{"Throw", func(ctx context.Context) { exitcode.Throw(ctx, exitcode.Close) }, drops},
		{"Throw after Send", func(ctx context.Context) { eof.Send(ctx); exitcode.Throw(ctx, 500) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				got := make(chan caught, 3)
				b := background(t, eof.Options{OnPanic: onPanic(got)})
				s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, answer)
					if r.URL.Path == "/end" {
						c.end(r.Context())
					}
				})
				for range 3 {
					res, err := s.Do(s.NewRequest("POST", "/end", nil)) // which no client sends again
					if err == nil {
						_, err = io.ReadAll(res.Body)
					}
					if (err != nil) != (c.drops) {
						t.Errorf("the client reads its answer with %v, want it dropped: %v", err, c.drops)
					}
					get(t, s, "/").want(t, 200, answer)
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
