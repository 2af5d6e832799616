package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// call serves a request with ctx by h, without a connection.
func call(ctx context.Context, h http.Handler) {
	defer func() { _ = recover() }() // a recorder has no connection to drop: http.ErrAbortHandler
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
}

// A handler that a task, or a handler after Send, calls has a response of its
// own: its exit does not cut the client's connection, which serves another
// request by then.
func TestInProcess_Exit(t *testing.T) {
	dropping := exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.Close })(http.NotFoundHandler())
	for name, h := range map[string]http.HandlerFunc{
		"task": func(_ http.ResponseWriter, r *http.Request) {
			eof.After(r.Context(), 5*time.Second, func(ctx context.Context) { call(ctx, dropping) })
		},
		"after Send": func(_ http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			time.Sleep(5 * time.Second)
			call(r.Context(), dropping)
		},
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				life := newLife(t, middleware.Options{})
				mux := http.NewServeMux()
				mux.Handle("/", life.Detach(h))
				mux.HandleFunc("/next", func(http.ResponseWriter, *http.Request) { time.Sleep(10 * time.Second) })
				s := pipenet.Start(t, p, mux, func(srv *http.Server) { life.Attach(srv) })
				want(t, s, "/", 200, "")
				want(t, s, "/next", 200, "")
			})
		})
	}
}

// That response is complete, whenever it is asked for: at once after Send, when the
// client has its own, and in a task beside the handler, which has not returned.
func TestInProcess_OwnResponse(t *testing.T) {
	inner := func(life *middleware.Lifecycle) http.Handler {
		return life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := exitcode.Exit(r.Context(), 404); err != nil {
				t.Errorf("Exit() = %v, want nil", err)
			}
		}))
	}
	for name, h := range map[string]func(r *http.Request, serve func(context.Context)){
		"after Send": func(r *http.Request, serve func(context.Context)) { serve(r.Context()) },
		"after the response": func(r *http.Request, serve func(context.Context)) {
			time.Sleep(time.Second)
			serve(r.Context())
		},
		"task": func(r *http.Request, serve func(context.Context)) {
			eof.Defer(r.Context(), serve)
			time.Sleep(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				life := newLife(t, middleware.Options{})
				codes := make(chan int, 1)
				s := pipenet.Start(t, p, life.Detach(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					eof.Send(r.Context())
					h(r, func(ctx context.Context) {
						rec := httptest.NewRecorder()
						inner(life).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
						codes <- rec.Code
					})
				})))
				want(t, s, "/", 200, "")
				time.Sleep(2 * time.Second)
				if code := take(t, codes, "the inner response"); code != http.StatusNotFound {
					t.Errorf("the inner status = %d, want %d", code, http.StatusNotFound)
				}
			})
		})
	}
}

// What such a handler defers runs after its own response.
func TestInProcess_Defer(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{})
		ran := make(chan struct{}, 1)
		inner := life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { ran <- struct{}{} })
		}))
		s := pipenet.Start(t, p, life.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			eof.After(r.Context(), time.Second, func(ctx context.Context) { call(ctx, inner) })
		})), func(srv *http.Server) { life.Attach(srv) })
		req := s.NewRequest("GET", "/", nil)
		req.Close = true // no other response will tell
		if _, err := s.Do(req); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		take(t, ran, "the inner task")
	})
}

// Detach in a handler that a thread calls with the request's own context is
// Handler: the thread is what the end of the handler would have to wait for.
func TestInProcess_DetachInAThread(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{})
		inner := life.Detach(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
		codes := make(chan int, 1)
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			thread.Spawn(r.Context(), func(ctx context.Context) error {
				rec := httptest.NewRecorder()
				inner.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
				codes <- rec.Code
				return nil
			})
		})))
		want(t, s, "/", 200, "")
		if code := take(t, codes, "the inner handler"); code != http.StatusTeapot {
			t.Errorf("the inner handler's status = %d, want %d", code, http.StatusTeapot)
		}
	})
}

// A callback reads its own request's route, also when it runs while a thread
// keeps running and the router, which recycles its context, has another request.
func TestTransparency_RouteInALateCallback(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{})
		got := make(chan string, 1)
		r := chi.NewRouter()
		r.Get("/other/{id}", func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) })
		r.Get("/job/{id}", func(_ http.ResponseWriter, r *http.Request) {
			abort.On(r.Context(), func(ctx context.Context) { got <- chi.URLParamFromCtx(ctx, "id") })
			thread.Spawn(r.Context(), func(context.Context) error { time.Sleep(10 * time.Second); return nil })
		})
		s := pipenet.Start(t, p, life.Handler(r))
		working := s.Begin(s.NewRequest("GET", "/job/mine", nil))
		time.Sleep(time.Second)
		s.Begin(s.NewRequest("GET", "/other/theirs", nil))
		time.Sleep(time.Second)
		working.Cancel()
		if id := <-got; id != "mine" {
			t.Errorf("the callback's route parameter = %q, want %q", id, "mine")
		}
	})
}

// A goroutine that outlived its request is told so without a look at the
// router's context, which another request has. For the race detector.
func TestTransparency_RouteAfterTheRequest(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		life := newLife(t, middleware.Options{})
		spawned, params := make(chan error, 20), make(chan string, 20)
		r := chi.NewRouter()
		r.Use(life.Handler)
		r.Get("/leak/{id}", func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			go func() {
				time.Sleep(time.Second)
				_, err := thread.Spawn(ctx, func(context.Context) error { return nil })
				spawned <- err
				eof.Defer(ctx, func(ctx context.Context) { params <- chi.URLParamFromCtx(ctx, "id") })
			}()
		})
		r.Get("/other/{id}", func(http.ResponseWriter, *http.Request) {})
		s := pipenet.Start(t, p, r)
		for range cap(spawned) {
			s.Get("/leak/1")
		}
		time.Sleep(time.Second) // they call now
		for range cap(spawned) {
			s.Get("/other/2")
		}
		synctest.Wait()
		for range cap(spawned) {
			if err, id := <-spawned, <-params; !errors.Is(err, thread.ErrEnded) || id == "2" {
				t.Errorf("Spawn() = %v, a late task's route parameter = %q, want %v, and none of another request's", err, id, thread.ErrEnded)
			}
		}
	})
}

// The same for a thread that uses the handler's context in place of its own, when
// a router inside lastbyte has returned.
func TestTransparency_RouteInAThreadThatUsesTheHandlersContext(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{})
		params := make(chan string, 20)
		r := chi.NewRouter()
		r.Get("/job/{id}", func(_ http.ResponseWriter, r *http.Request) {
			thread.Spawn(r.Context(), func(context.Context) error {
				time.Sleep(2 * time.Second)
				eof.Defer(r.Context(), func(ctx context.Context) { params <- chi.URLParamFromCtx(ctx, "id") })
				return nil
			})
		})
		r.Get("/other/{id}", func(http.ResponseWriter, *http.Request) { time.Sleep(10 * time.Second) })
		s := pipenet.Start(t, p, m.wrap(life, r))
		for range cap(params) {
			s.Begin(s.NewRequest("GET", "/job/mine", nil))
		}
		time.Sleep(time.Second)
		for range cap(params) {
			s.Begin(s.NewRequest("GET", "/other/theirs", nil))
		}
		for range cap(params) {
			if id := <-params; id == "theirs" {
				t.Errorf("the task's route parameter = %q, want none of another request's", id)
			}
		}
	})
}
