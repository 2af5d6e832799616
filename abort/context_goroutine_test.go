package abort_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
)

// A child of the context costs no goroutine, as with a context of the std.
func TestContext_ChildrenStartNoGoroutine(t *testing.T) {
	type deriveFunc func(context.Context) (context.Context, context.CancelFunc)
	derive := map[string]deriveFunc{
		"WithCancel": context.WithCancel,
		"WithTimeout": func(c context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(c, time.Hour)
		},
		"AfterFunc": func(c context.Context) (context.Context, context.CancelFunc) {
			stop := context.AfterFunc(c, func() {})
			return c, func() { stop() }
		},
		"of WithValue": func(c context.Context) (context.Context, context.CancelFunc) {
			return context.WithCancel(context.WithValue(c, familyKey{}, 1))
		},
	}
	for name, f := range derive {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
				ctxs, release := make(chan context.Context, 1), make(chan struct{})
				s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
					ctxs <- r.Context()
					<-release
				})
				s.Get("/")
				ctx := take(t, ctxs, "context")
				before := runtime.NumGoroutine()
				for range 100 {
					child, cancel := f(ctx)
					defer cancel()
					child.Done()
				}
				synctest.Wait()
				if after := runtime.NumGoroutine(); after > before { // goroutines of other tests may still end
					t.Errorf("100 children started %d goroutines, want none", after-before)
				}
				close(release)
			})
		})
	}
}
