package middleware_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// told keeps what observers are told, in order.
type told struct {
	mu  sync.Mutex
	all []string
}

func (o *told) add(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, fmt.Sprintf(format, args...))
}

// want fails the test unless that is what was told since the last call, in any order
// where there are several goroutines.
func (o *told) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	got := slices.Sorted(slices.Values(o.all))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("observers were told %q, want %q", got, want)
	}
	o.all = nil
}

func (o *told) observer(name string) middleware.Observer {
	return middleware.Observer{
		OnEnd:  func(r *http.Request, out middleware.Outcome) { o.add("%s end %s %d", name, r.URL.Path, out.Status) },
		OnDone: func(r *http.Request, out middleware.Outcome) { o.add("%s done %s %v", name, r.URL.Path, out.Worked) },
		OnTask: func(i eof.Item, took time.Duration) { o.add("%s %s %q %v %v", name, i.Kind, i.Name, i.Running, took) },
	}
}

// Observers hear of what ends, side by side with OnEnd and OnDone, until they stop.
func TestObserve_SideBySide(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		var o told
		first := o.observer("options")
		life := newLife(t, middleware.Options{OnEnd: first.OnEnd, OnDone: first.OnDone})
		r := chi.NewRouter()
		r.With(func(h http.Handler) http.Handler { return m.wrap(life, h) }).Get("/jobs/{n}", func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Defer(r.Context(), func(context.Context) { time.Sleep(time.Minute) })
			if eof.Send(r.Context()) == nil {
				time.Sleep(time.Hour)
			}
		})
		s := pipenet.Start(t, p, r)
		get(t, s, "/jobs/1")
		synctest.Wait() // before the task ends, so that a late observer hears of it
		stop := life.Observe(o.observer("late"))
		life.Observe(middleware.Observer{}) // nothing of it is called
		time.Sleep(2 * time.Hour)
		want := []string{"options end /jobs/1 200", `late task "GET /jobs/{n}" false 1m0s`}
		if m.name == "Detach" {
			want = append(want, "options done /jobs/1 1h0m0s", "late done /jobs/1 1h0m0s")
		}
		o.want(t, want...)
		get(t, s, "/jobs/2")
		o.want(t, "options end /jobs/2 200", "late end /jobs/2 200")
		stop()
		stop()
		time.Sleep(2 * time.Hour)
		want = nil
		if m.name == "Detach" {
			want = append(want, "options done /jobs/2 1h0m0s")
		}
		o.want(t, want...)
	})
}

// The request that OnEnd gets is the one inside: its route is set, and its context
// knows how it ended.
func TestObserve_RequestInside(t *testing.T) {
	type key struct{}
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		ends := make(chan struct{}, 4)
		life := newLife(t, middleware.Options{OnEnd: func(r *http.Request, o middleware.Outcome) {
			ctx := r.Context()
			if ctx.Err() == nil {
				t.Error("the context of OnEnd's request lives, want it ended")
			}
			if ctx.Value(key{}) != "outside" {
				t.Error("the context of OnEnd's request lacks the values from outside")
			}
			if c, ok := middleware.From(ctx); !ok || c.Outcome().Status != o.Status {
				t.Error("From(ctx) finds another request than OnEnd's")
			}
			if code, ok := exitcode.From(ctx); o.Exited != ok || ok && code != o.Exit {
				t.Errorf("exitcode.From(ctx) = %v, %v, want %v, %v", code, ok, o.Exit, o.Exited)
			}
			if e, ok := abort.Cause(ctx); ok != (o.Abort != nil) || e != o.Abort {
				t.Errorf("abort.Cause(ctx) = %v, %v, want %v", e, ok, o.Abort)
			}
			if r.Pattern != "GET /item/{id}" {
				t.Errorf("Pattern = %q, want that of the ServeMux", r.Pattern)
			}
			ends <- struct{}{}
		}})
		mux := http.NewServeMux()
		mux.HandleFunc("GET /item/{id}", func(w http.ResponseWriter, r *http.Request) {
			switch r.PathValue("id") {
			case "exit":
				exitcode.Exit(r.Context(), 404)
			case "wait":
				<-r.Context().Done()
			case "send":
				_ = eof.Send(r.Context())
				time.Sleep(time.Hour)
			}
		})
		inside := m.wrap(life, mux)
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inside.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "outside")))
		}))
		for _, id := range []string{"exit", "send", "return"} {
			get(t, s, "/item/"+id)
			take(t, ends, "OnEnd of "+id)
		}
		call := s.Begin(s.NewRequest("GET", "/item/wait", nil))
		synctest.Wait()
		call.Cancel()
		take(t, ends, "OnEnd of the aborted request")
	})
}

// A panic of OnDone or OnTask harms nobody; all observers are called.
func TestObserve_Panics(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		var o told
		life := newLife(t, middleware.Options{})
		life.Observe(middleware.Observer{
			OnDone: func(*http.Request, middleware.Outcome) { panic("OnDone, on purpose") },
			OnTask: func(eof.Item, time.Duration) { panic("OnTask, on purpose") },
		})
		life.Observe(o.observer("second"))
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "x")
			_ = eof.Defer(r.Context(), func(context.Context) {})
			if eof.Send(r.Context()) == nil {
				time.Sleep(time.Hour)
			}
		})))
		get(t, s, "/")
		time.Sleep(2 * time.Hour)
		want := []string{"second end / 200", `second task "GET" false 0s`}
		if m.name == "Detach" {
			want = append(want, "second done / 1h0m0s")
		}
		o.want(t, want...)
	})
}

// Observers come and go while requests are served.
func TestObserve_WhileServing(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Defer(r.Context(), func(context.Context) {})
			_ = eof.Send(r.Context())
		})))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 20 {
					var o told
					stop := life.Observe(o.observer("one"))
					if res, err := s.Get("/"); err != nil {
						t.Error(err)
					} else {
						_, _ = io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
					stop()
				}
			})
		}
		all.Wait()
	})
}
