package eof_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Inside another Detach it is Handler: there is one goroutine, one Send, and
// the outer Detach's Background owns the work after it.
func TestDetach_Nested(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		outer, inner := background(t, eof.Options{}), background(t, eof.Options{})
		sent, task, deferred := make(chan error, 2), make(chan struct{}), make(chan error, 1)
		wrap := func(h http.Handler) http.Handler { return outer.Handler(outer.Detach(inner.Detach(inner.Handler(h)))) }
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Mine", "mine")
			io.WriteString(w, answer)
			deferred <- eof.Defer(r.Context(), func(context.Context) { <-task })
			sent <- eof.Send(r.Context())
			sent <- eof.Send(r.Context())
			<-task
		})
		start := time.Now()
		r := get(t, s, "/")
		at(t, "the whole answer", start, 0)
		r.want(t, 200, answer)
		if got := r.header.Get("X-Mine"); got != "mine" {
			t.Errorf("header X-Mine = %q, want mine", got)
		}
		wantErr(t, "Defer", <-deferred, nil)
		wantErr(t, "Send", <-sent, nil)
		wantErr(t, "a second Send", <-sent, eof.ErrEnded)
		synctest.Wait()
		wantStats(t, outer, eof.Stats{Detached: 1})
		wantStats(t, inner, eof.Stats{Running: 1})
		close(task)
		synctest.Wait()
		wantStats(t, outer, eof.Stats{Done: 1})
		wantStats(t, inner, eof.Stats{Done: 1})
	})
}

func TestDetach_AroundRouters(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, answer+r.PathValue("id"))
		if err := eof.Send(r.Context()); err != nil {
			panic(err)
		}
		time.Sleep(time.Second)
	}
	router := chi.NewRouter()
	router.Get("/task/{id}", handler)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /task/{id}", handler)
	for name, h := range map[string]http.Handler{"chi": router, "ServeMux": mux} {
		t.Run(name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				s := pipenet.Start(t, p, background(t, eof.Options{}).Detach(h))
				start := time.Now()
				get(t, s, "/task/7").want(t, 200, answer+"7")
				if r := get(t, s, "/none"); r.status != 404 {
					t.Errorf("GET /none = %d, want 404", r.status)
				}
				at(t, "both answers", start, 0)
			})
		})
	}
}

// An http.TimeoutHandler around Detach returns on its own: in time it has the
// response of Send, too late the handler is told that there is none to end.
func TestDetach_InTimeoutHandler(t *testing.T) {
	for _, c := range []struct {
		name   string
		wait   time.Duration
		status int
		body   string
		send   error
		at     time.Duration
	}{
		{"in time", 0, 201, answer, nil, 0},
		{"late", 2 * time.Second, 503, "timeout", eof.ErrEnded, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				life := middleware.New(middleware.Options{})
				t.Cleanup(func() { life.Shutdown(context.Background()) })
				sent, done := make(chan error, 1), make(chan error, 1)
				wrap := func(h http.Handler) http.Handler {
					return life.Handler(http.TimeoutHandler(life.Detach(h), time.Second, "timeout"))
				}
				s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(c.wait)
					w.Header().Set("X-Mine", "mine")
					w.WriteHeader(http.StatusCreated)
					io.WriteString(w, answer)
					sent <- eof.Send(r.Context())
					time.Sleep(5 * time.Second)
					done <- r.Context().Err()
				})
				start := time.Now()
				get(t, s, "/").want(t, c.status, c.body)
				at(t, "the whole answer", start, c.at)
				wantErr(t, "Send", <-sent, c.send)
				err := <-done
				if c.send == nil {
					wantErr(t, "ctx.Err() past the TimeoutHandler's deadline", err, nil)
				} else if err == nil {
					t.Error("ctx.Err() past the TimeoutHandler's deadline = nil, want an error")
				}
				get(t, s, "/").want(t, c.status, c.body)
			})
		})
	}
}

// The context that a middleware outside Detach has made is the handler's, with
// its values, until Send; its cancellation is passed on with its cause.
func TestDetach_OuterContext(t *testing.T) {
	type key struct{}
	why := errors.New("why")
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		got := make(chan error, 2)
		mid := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancelCause(context.WithValue(r.Context(), key{}, "value"))
				time.AfterFunc(time.Second, func() { cancel(why) })
				next.ServeHTTP(w, r.WithContext(ctx))
			})
		}
		b := background(t, eof.Options{})
		s := serve(t, p, handlerOutside(b, mid), func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if ctx.Value(key{}) != "value" {
				got <- errors.New("the outer middleware's value is missing")
			}
			if r.URL.Path == "/send" {
				eof.Send(ctx)
				time.Sleep(2 * time.Second)
			} else {
				<-ctx.Done()
			}
			got <- context.Cause(ctx)
		})
		get(t, s, "/").want(t, 200, "")
		wantErr(t, "context.Cause without Send", <-got, why)
		get(t, s, "/send").want(t, 200, "")
		wantErr(t, "context.Cause after Send", <-got, nil)
	})
}

// merged has the values of a request, and the end of something that lives on.
type merged struct {
	context.Context
	end context.Context
}

func (m merged) Done() <-chan struct{} { return m.end.Done() }
func (m merged) Err() error            { return m.end.Err() }

// Nothing of a request stays behind on a context that outlives it.
func TestDetach_LeavesTheParent(t *testing.T) {
	for _, send := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			life, end := context.WithCancel(t.Context())
			defer end()
			b := background(t, eof.Options{})
			inner := b.Detach(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				r.Context().Done()
				if send {
					eof.Send(r.Context())
				}
			}))
			outer := b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner.ServeHTTP(w, r.WithContext(merged{r.Context(), life}))
			}))
			before := runtime.NumGoroutine()
			const requests = 1000
			for range requests {
				bare(outer)
			}
			shutdown(t, b)
			synctest.Wait()
			// NumGoroutine is 33 too high while a processor hands on the goroutines that have ended
			// (gfput of package runtime).
			if n := runtime.NumGoroutine() - before; n > requests/2 {
				t.Errorf("Send %t: %d goroutines stay behind of %d requests", send, n, requests)
			}
		})
	}
}
