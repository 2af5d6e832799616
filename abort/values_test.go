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
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
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

// router is chi with lastbyte around the routes (used) or at one (with). seen
// gets the pattern that a middleware around all of it finds afterwards.
func router(m func(http.Handler) http.Handler, used bool, h http.HandlerFunc, seen chan<- string) http.Handler {
	r := chi.NewRouter()
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			seen <- chi.RouteContext(r.Context()).RoutePattern()
		})
	})
	if used {
		r.Use(m)
		r.With(withValue).Get("/item/{id}", h)
	} else {
		r.With(m, withValue).Get("/item/{id}", h)
	}
	r.Get("/other/{id}/{name}", func(http.ResponseWriter, *http.Request) {})
	return r
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
					pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { valuesKept(t, p, m, used, sc.h, sc.leaves) })
				})
			}
		}
	}
}

func valuesKept(t *testing.T, p pipenet.Proto, m mount, used bool, h func(http.ResponseWriter, *http.Request, chan<- [2]string), leaves bool) {
	out, seen := make(chan [2]string, 1), make(chan string, 64)
	life := middleware.New(middleware.Options{})
	t.Cleanup(func() { _ = life.Shutdown(context.Background()) })
	wrap := func(next http.Handler) http.Handler { return m.wrap(life, next) }
	s := pipenet.Start(t, p, router(wrap, used, func(w http.ResponseWriter, r *http.Request) { h(w, r, out) }, seen))
	call := s.Begin(s.NewRequest("GET", "/item/mine", nil))
	synctest.Wait()
	if leaves {
		call.Cancel()
		synctest.Wait()
	}
	for range 20 { // other requests take the recycled route context
		mustGet(t, s, "/other/theirs/too")
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
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					seen, life := make(chan string, 1), middleware.New(middleware.Options{})
					t.Cleanup(func() { _ = life.Shutdown(context.Background()) })
					s := pipenet.Start(t, p, router(func(h http.Handler) http.Handler { return m.wrap(life, h) }, used,
						func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, chi.URLParam(r, "id")) }, seen))
					if status, text := mustGet(t, s, "/item/mine"); status != 200 || text != "mine" {
						t.Errorf("answer = %d %q, want 200 mine", status, text)
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
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					seen, life := make(chan string, 1), middleware.New(middleware.Options{})
					t.Cleanup(func() { _ = life.Shutdown(context.Background()) })
					s := pipenet.Start(t, p, router(func(h http.Handler) http.Handler { return m.wrap(life, h) }, used,
						func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, seen))
					call := s.Begin(s.NewRequest("GET", "/item/mine", nil))
					synctest.Wait()
					call.Cancel()
					if got := take(t, seen, "pattern"); got != "/item/{id}" {
						t.Errorf("RoutePattern() outside = %q, want /item/{id}", got)
					}
				})
			})
		}
	}
}
