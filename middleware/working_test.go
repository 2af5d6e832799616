package middleware_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// Requests gives those at work, detached ones too, and no other.
func TestRequests(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{})
		release := make(chan struct{})
		r := chi.NewRouter()
		r.Use(chimiddleware.RequestID)
		r.With(func(h http.Handler) http.Handler { return m.wrap(life, h) }).Post("/item/{id}", func(w http.ResponseWriter, r *http.Request) {
			r.Method, r.RemoteAddr = "CHANGED", "changed"
			middleware.SetAttrs(r.Context(), slog.Int("rows", 7))
			th, err := thread.Spawn(r.Context(), nil) // a call into lastbyte
			if th != nil || err == nil {
				t.Error("Spawn(nil) = nil, want an error")
			}
			_ = eof.Send(r.Context())
			<-release
		})
		s := pipenet.Start(t, p, r)
		req := s.NewRequest("POST", "/item/7", nil)
		req.Header.Set("X-Request-Id", "the id")
		s.Begin(req)
		synctest.Wait()
		time.Sleep(time.Minute)
		got := slices.Collect(life.Requests())
		if len(got) != 1 {
			t.Fatalf("Requests() = %+v, want one", got)
		}
		one := got[0]
		proto := map[pipenet.Proto]string{pipenet.HTTP1: "HTTP/1.1", pipenet.HTTP2: "HTTP/2.0"}[p]
		if one.Method != "POST" || one.Path != "/item/7" || one.Route != "/item/{id}" || one.Proto != proto || one.ID != "the id" || one.RemoteAddr == "changed" || one.RemoteAddr == "" {
			t.Errorf("Requests() = %+v, want the request as it came, and its route", one)
		}
		o := one.Outcome
		if len(o.Attrs) != 1 || (o.EOF > 0) != (m.name == "Detach") || m.name == "Handler" && o.Duration != time.Minute {
			t.Errorf("Outcome = %+v, want attributes, how it stands", o)
		}
		if one.Ended != (m.name == "Detach") {
			t.Errorf("Ended = %v, want whether the response has", one.Ended)
		}
		close(release)
		synctest.Wait()
		if got := slices.Collect(life.Requests()); len(got) != 0 {
			t.Errorf("Requests() = %+v after the end, want none", got)
		}
	})
}

// A request whose response has ended is not given while OnEnd is told of it, unless its
// handler works on.
func TestRequests_DuringOnEnd(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{})
		given := -1
		life.Observe(middleware.Observer{OnEnd: func(*http.Request, middleware.Outcome) {
			given = len(slices.Collect(life.Requests()))
		}})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if eof.Send(r.Context()) == nil {
				time.Sleep(time.Minute)
			}
		})))
		res, err := s.Get("/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		synctest.Wait()
		want := 0
		if m.name == "Detach" {
			want = 1
		}
		if given != want {
			t.Errorf("Requests() gives %d while OnEnd is told, want %d", given, want)
		}
	})
}

// With a router inside, the route is known from the handler's first call that makes
// something of its context.
func TestRequests_RouteOfLastCall(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{})
		begun, goOn, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
		r := chi.NewRouter()
		r.Use(func(h http.Handler) http.Handler { return m.wrap(life, h) })
		r.Get("/item/{id}", func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			<-goOn
			_ = abort.On(r.Context(), func(context.Context) {})
			<-release
		})
		s := pipenet.Start(t, p, r)
		s.Begin(s.NewRequest("GET", "/item/7", nil))
		<-begun
		if got := slices.Collect(life.Requests()); len(got) != 1 || got[0].Path != "/item/7" {
			t.Errorf("Requests() = %+v, want one", got)
		}
		close(goOn)
		synctest.Wait()
		if got := slices.Collect(life.Requests()); len(got) != 1 || got[0].Route != "/item/{id}" {
			t.Errorf("Requests() = %+v, want one with its route", got)
		}
		close(release)
	})
}

// No request is lost or left over, however many there are and however they end.
func TestRequests_Many(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{})
		release := make(chan struct{})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = abort.On(r.Context(), func(context.Context) {})
			<-release
			switch len(r.URL.Path) % 4 {
			case 0:
				panic(http.ErrAbortHandler)
			case 1:
				_ = eof.Send(r.Context())
				time.Sleep(time.Minute)
			}
		})))
		const n = 700 // more than there are places
		for i := range n {
			s.Begin(s.NewRequest("GET", "/"+fmt.Sprint(i), nil))
		}
		synctest.Wait()
		paths := map[string]bool{}
		for r := range life.Requests() {
			if paths[r.Path] {
				t.Errorf("%s is given twice", r.Path)
			}
			paths[r.Path] = true
		}
		if active := life.Stats().Active; int64(len(paths)) != active || active < 250 {
			t.Errorf("%d requests of %d at work are given", len(paths), active)
		}
		for range life.Requests() {
			break
		}
		close(release)
		time.Sleep(time.Hour)
		if left := slices.Collect(life.Requests()); len(left) != 0 {
			t.Errorf("%d requests are left over, the first is %+v", len(left), left[0])
		}
	})
}
