package exitcode_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// The response of an exit does not wait for the threads of a handler that has returned. A
// HeaderFilter that panics at it ends that request alone, and not before its threads.
func TestX14b_PanicBesideAThread(t *testing.T) {
	leaves := map[string]func(ctx context.Context){
		"return": func(ctx context.Context) { _ = exitcode.Exit(ctx, 404) },
		"throw":  func(ctx context.Context) { exitcode.Throw(ctx, 404) },
		"panic": func(ctx context.Context) {
			_ = exitcode.Exit(ctx, 404)
			panic("of the handler")
		},
	}
	filter := exitcode.HeaderFilter(func(*http.Request, int, http.Header) exitcode.Code { panic("of the filter") })
	for name, leave := range leaves {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				var ended atomic.Bool
				around := func(h http.Handler) http.Handler {
					inner := exitcode.New(exitcode.Options{})(filter(h))
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						defer func() { check(t, "the thread has ended when ServeHTTP returns", ended.Load(), true) }()
						inner.ServeHTTP(w, r)
					})
				}
				s := start(t, p, around, func(_ http.ResponseWriter, r *http.Request) {
					_, err := thread.Spawn(r.Context(), func(context.Context) error {
						time.Sleep(time.Second)
						ended.Store(true)
						return nil
					})
					isErr(t, "Spawn", err, nil)
					leave(r.Context())
				})
				if res, err := s.Get("/"); err == nil {
					res.Body.Close()
					t.Errorf("status %d, want the connection dropped", res.StatusCode)
				}
			})
		})
	}
}
