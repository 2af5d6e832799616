package eof_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// The handler's header map begins as what outer middlewares set, and what it
// takes out of it is not sent.
func TestDetach_OuterHeaders(t *testing.T) {
	for place, wrap := range places {
		t.Run(place, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				seen := make(chan string, 1)
				mid := func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("X-Kept", "kept")
						w.Header().Set("X-Gone", "gone")
						next.ServeHTTP(w, r)
					})
				}
				b := background(t, eof.Options{})
				s := serve(t, p, wrap(b, mid), func(w http.ResponseWriter, r *http.Request) {
					h := w.Header()
					seen <- h.Get("X-Kept") + " " + h.Get("X-Gone")
					h.Del("X-Gone")
					h.Set("X-Mine", "mine")
					io.WriteString(w, answer)
					eof.Send(r.Context())
				})
				r := get(t, s, "/")
				r.want(t, 200, answer)
				if got := <-seen; got != "kept gone" {
					t.Errorf("the handler finds %q in its header map, want %q", got, "kept gone")
				}
				for k, want := range map[string]string{"X-Kept": "kept", "X-Gone": "", "X-Mine": "mine"} {
					if got := r.header.Get(k); got != want {
						t.Errorf("header %s = %q, want %q", k, got, want)
					}
				}
			})
		})
	}
}

// route is what a handler and a middleware around its router find in a request.
func route(r *http.Request) string {
	return fmt.Sprintf("%s %s %s", chi.URLParam(r, "id"), chi.RouteContext(r.Context()).RoutePattern(), r.Pattern)
}

// chi recycles its route context when the router returns. Work after Send reads
// a copy, also after 300 other requests, and outer middlewares see the route.
func TestDetach_RouteAfterTheRouterReturned(t *testing.T) {
	type mount func(b *eof.Background, h http.HandlerFunc, outer func(http.Handler) http.Handler) http.Handler
	for name, mount := range map[string]mount{
		"r.With": func(b *eof.Background, h http.HandlerFunc, outer func(http.Handler) http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Use(outer)
			r.With(b.Detach).Get("/task/{id}", h)
			return r
		},
		"r.Use": func(b *eof.Background, h http.HandlerFunc, outer func(http.Handler) http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Use(outer, b.Detach)
			r.Get("/task/{id}", h)
			return r
		},
		"r.Use in Handler": func(b *eof.Background, h http.HandlerFunc, outer func(http.Handler) http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Use(b.Handler, outer, b.Detach)
			r.Get("/task/{id}", h)
			return r
		},
		"subrouter": func(b *eof.Background, h http.HandlerFunc, outer func(http.Handler) http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Use(outer)
			r.With(b.Detach).Route("/task", func(r chi.Router) { r.Get("/{id}", h) })
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				n := 20
				if name == "r.With" {
					n = 301
				}
				got, outside, tasks := make(chan error, n), make(chan string, n), make(chan error, n)
				outer := func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						next.ServeHTTP(w, r)
						outside <- route(r)
					})
				}
				check := func(r *http.Request, ctx context.Context, id string) error {
					if got, want := route(r.WithContext(ctx)), id+" /task/{id} /task/{id}"; got != want {
						return fmt.Errorf("%q, want %q", got, want)
					}
					return nil
				}
				handler := func(w http.ResponseWriter, r *http.Request) {
					id := r.Header.Get("Id")
					before := check(r, r.Context(), id)
					eof.Defer(r.Context(), func(ctx context.Context) {
						time.Sleep(time.Hour)
						tasks <- check(r, ctx, id)
					})
					eof.Send(r.Context())
					time.Sleep(time.Hour) // all the other requests come
					got <- errors.Join(before, check(r, r.Context(), id))
				}
				b := background(t, eof.Options{Running: n})
				s := pipenet.Start(t, p, mount(b, handler, outer))
				for i := range n {
					req := s.NewRequest("GET", fmt.Sprint("/task/", i), nil)
					req.Header.Set("Id", fmt.Sprint(i))
					do(t, s, req).want(t, 200, "")
					synctest.Wait()
					want := fmt.Sprint(i, " /task/{id} /task/{id}")
					if got := <-outside; got != want {
						t.Errorf("request %d: the outer middleware sees the route %q, want %q", i, got, want)
					}
				}
				for range n {
					wantErr(t, "the route in the handler", <-got, nil)
					wantErr(t, "the route in a task", <-tasks, nil)
				}
			})
		})
	}
}
