package abort_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

type valueKey struct{}

func withValue(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), valueKey{}, "value of "+r.URL.Path)))
	})
}

// values tells what ctx knows of its request, an hour from now.
func values(ctx context.Context, out chan<- [2]string) {
	time.Sleep(time.Hour)
	v, _ := ctx.Value(valueKey{}).(string)
	out <- [2]string{chi.URLParamFromCtx(ctx, "id"), v}
}

// routed is chi with m around the routes (used) or at one (with). seen gets the pattern
// that a middleware around all of it finds afterwards.
func routed(m mount, used bool, seen chan<- string) mount {
	return mount{m.name, func(life *middleware.Lifecycle, h http.Handler) http.Handler {
		wrap := func(next http.Handler) http.Handler { return m.wrap(life, next) }
		r := chi.NewRouter()
		r.Use(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				seen <- chi.RouteContext(r.Context()).RoutePattern()
			})
		})
		if used {
			r.Use(wrap)
			r.With(withValue).Method("GET", "/item/{id}", h)
		} else {
			r.With(wrap, withValue).Method("GET", "/item/{id}", h)
		}
		r.Get("/other/{id}/{name}", func(http.ResponseWriter, *http.Request) {})
		return r
	}}
}

// Chi recycles its route context when its router returns; what lives longer
// still finds the parameters of its own request.
func TestContext_Values(t *testing.T) {
	type scenario struct {
		name   string
		mounts []mount
		h      func(w http.ResponseWriter, r *http.Request, out chan<- [2]string)
		leaves bool
	}
	scenarios := []scenario{
		{"thread", mounts, func(w http.ResponseWriter, r *http.Request, out chan<- [2]string) {
			thread.Spawn(r.Context(), func(ctx context.Context) error { values(ctx, out); return nil })
		}, false},
		{"deferred task", mounts, func(w http.ResponseWriter, r *http.Request, out chan<- [2]string) {
			eof.Defer(r.Context(), func(ctx context.Context) { values(ctx, out) })
		}, false},
		{"after Send", mounts[1:], func(w http.ResponseWriter, r *http.Request, out chan<- [2]string) {
			eof.Send(r.Context())
			values(r.Context(), out)
		}, false},
		{"thread after Send", mounts[1:], func(w http.ResponseWriter, r *http.Request, out chan<- [2]string) {
			eof.Send(r.Context())
			thread.Spawn(r.Context(), func(ctx context.Context) error { values(ctx, out); return nil })
		}, false},
		{"callback", mounts, func(w http.ResponseWriter, r *http.Request, out chan<- [2]string) {
			done := make(chan struct{})
			abort.On(r.Context(), func(ctx context.Context) { values(ctx, out); close(done) })
			<-done
		}, true},
		{"aborted handler", mounts, func(w http.ResponseWriter, r *http.Request, out chan<- [2]string) {
			<-r.Context().Done()
			values(r.Context(), out)
		}, true},
	}
	for _, sc := range scenarios {
		for _, m := range sc.mounts {
			for _, used := range []bool{true, false} {
				place := map[bool]string{true: "Use", false: "With"}[used]
				t.Run(sc.name+"/"+m.name+"/"+place, func(t *testing.T) {
					run(t, func(t *testing.T, p aborttest.Protocol) { valuesKept(t, p, m, used, sc.h, sc.leaves) })
				})
			}
		}
	}
}

func valuesKept(t *testing.T, p aborttest.Protocol, m mount, used bool, h func(http.ResponseWriter, *http.Request, chan<- [2]string), leaves bool) {
	out, seen := make(chan [2]string, 1), make(chan string, 64)
	s := start(t, p, routed(m, used, seen), func(w http.ResponseWriter, r *http.Request) { h(w, r, out) })
	call := s.Get("/item/mine")
	synctest.Wait()
	if leaves {
		call.Leave(aborttest.Timeout)
		synctest.Wait()
	}
	for range 20 { // other requests take the recycled route context
		s.Get("/other/theirs/too").Response()
		take(t, seen, "pattern of another request, or of ours")
	}
	none(t, out, "values before their time")
	time.Sleep(time.Hour)
	if got, want := take(t, out, "values"), [2]string{"mine", "value of /item/mine"}; got != want {
		t.Errorf("URLParam, Value = %q, want %q", got, want)
	}
}

// A middleware outside of Detach still sees the route that was matched.
func TestContext_Values_RouteOutside(t *testing.T) {
	for _, m := range mounts {
		for _, used := range []bool{true, false} {
			t.Run(m.name+"/"+map[bool]string{true: "Use", false: "With"}[used], func(t *testing.T) {
				run(t, func(t *testing.T, p aborttest.Protocol) {
					seen := make(chan string, 1)
					s := start(t, p, routed(m, used, seen), func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, chi.URLParam(r, "id")) })
					if r := s.Get("/item/mine").Response(); r.Status != 200 || r.Body != "mine" || r.Err != nil {
						t.Errorf("answer = %+v, want 200 mine", r)
					}
					if got := take(t, seen, "pattern"); got != "/item/{id}" {
						t.Errorf("RoutePattern() outside = %q, want /item/{id}", got)
					}
				})
			})
		}
	}
}

// So it does if the client left, though the handler is still at work then; but
// not with Detach around the routing: nobody but the handler's goroutine knows
// the route there, and it is not asked.
func TestContext_Values_RouteOutside_ClientAborts(t *testing.T) {
	for _, m := range mounts {
		for _, used := range []bool{true, false} {
			if used && m.name == "detach" {
				continue
			}
			t.Run(m.name+"/"+map[bool]string{true: "Use", false: "With"}[used], func(t *testing.T) {
				run(t, func(t *testing.T, p aborttest.Protocol) {
					seen := make(chan string, 1)
					s := start(t, p, routed(m, used, seen), func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
					call := s.Get("/item/mine")
					synctest.Wait()
					call.Leave(aborttest.Timeout)
					if got := take(t, seen, "pattern"); got != "/item/{id}" {
						t.Errorf("RoutePattern() outside = %q, want /item/{id}", got)
					}
				})
			})
		}
	}
}
