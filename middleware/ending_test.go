package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/go-chi/chi/v5"
)

func TestOutcome_Ending(t *testing.T) {
	t.Parallel()
	left := &abort.Error{Reason: abort.Closed}
	tests := []struct {
		name string
		o    middleware.Outcome
		want middleware.Ending
	}{
		{"handler", middleware.Outcome{Status: 200}, middleware.ByHandler},
		{"exit", middleware.Outcome{Exited: true}, middleware.ByExit},
		{"client", middleware.Outcome{Exited: true, Abort: left}, middleware.ByClient},
		{"send", middleware.Outcome{EOF: 1, Exited: true}, middleware.BySend},
		{"panic", middleware.Outcome{Panicked: true, EOF: 1, Abort: left}, middleware.ByPanic},
	}
	for _, tt := range tests {
		if got := tt.o.Ending(); got != tt.want || got.String() != tt.name {
			t.Errorf("%+v.Ending() = %v, want %s", tt.o, got, tt.name)
		}
	}
	if got := middleware.Ending(99).String(); got != "unknown" {
		t.Errorf("Ending(99) = %q, want unknown", got)
	}
}

// The route is the pattern, of chi and of an http.ServeMux, whatever the path is.
func TestRoute_OfObserver(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		routes := make(chan string, 1)
		life := newLife(t, middleware.Options{OnEnd: func(r *http.Request, _ middleware.Outcome) { routes <- middleware.Route(r) }})
		mux := http.NewServeMux()
		mux.HandleFunc("GET /mux/{id}", func(http.ResponseWriter, *http.Request) {})
		r := chi.NewRouter()
		r.Use(func(next http.Handler) http.Handler { return m.wrap(life, next) })
		r.Get("/chi/{id}", func(http.ResponseWriter, *http.Request) {})
		r.NotFound(mux.ServeHTTP)
		s := pipenet.Start(t, p, r, life.Attach)
		for path, want := range map[string]string{"/chi/7": "/chi/{id}", "/mux/7": "/mux/{id}", "/none": ""} {
			res, err := s.Get(path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if got := <-routes; got != want {
				t.Errorf("Route() of %s = %q, want %q", path, got, want)
			}
		}
	})
}

// An observer that wants some endings only is asked about each, and told of those alone.
// Others are told of all.
func TestObserver_Want(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{})
		var asked []middleware.Ending
		var times []time.Duration
		var some, all []string
		life.Observe(middleware.Observer{
			Want: func(by middleware.Ending, at time.Duration) bool {
				asked, times = append(asked, by), append(times, at)
				return by == middleware.ByExit
			},
			OnEnd: func(r *http.Request, o middleware.Outcome) { some = append(some, r.URL.Path) },
		})
		life.Observe(middleware.Observer{OnEnd: func(r *http.Request, o middleware.Outcome) { all = append(all, r.URL.Path) }})
		s := pipenet.Start(t, p, m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/exit" {
				_ = exitcode.Exit(r.Context(), http.StatusNotFound)
			}
		})), life.Attach)
		for _, path := range []string{"/", "/exit", "/again"} {
			res, err := s.Get(path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			time.Sleep(time.Second)
		}
		if want := []middleware.Ending{middleware.ByHandler, middleware.ByExit, middleware.ByHandler}; !slices.Equal(asked, want) {
			t.Errorf("asked about %v, want %v", asked, want)
		}
		if len(times) != 3 || times[1]-times[0] != time.Second || times[2]-times[1] != time.Second {
			t.Errorf("asked at %v, want a second between them", times)
		}
		if !slices.Equal(some, []string{"/exit"}) || !slices.Equal(all, []string{"/", "/exit", "/again"}) {
			t.Errorf("told of %q and %q, want the exit, and all", some, all)
		}
	})
}

// An observer groups by who ended a response, and by its route.
func ExampleOutcome_Ending() {
	life := middleware.New(middleware.Options{OnEnd: func(r *http.Request, o middleware.Outcome) {
		fmt.Println(middleware.Route(r), o.Ending())
	}})
	r := chi.NewRouter()
	r.Use(life.Handler)
	r.Get("/item/{id}", func(w http.ResponseWriter, r *http.Request) {
		_ = exitcode.Exit(r.Context(), http.StatusNotFound)
	})
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/item/7", nil))
	// Output: /item/{id} exit
}

// The route has as many values as the program has patterns, and suits as a label.
func ExampleRoute() {
	life := middleware.New(middleware.Options{OnEnd: func(r *http.Request, _ middleware.Outcome) {
		fmt.Printf("%s is %s\n", r.URL.Path, middleware.Route(r))
	}})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /user/{name}", func(http.ResponseWriter, *http.Request) {})
	h := life.Handler(mux)
	for _, path := range []string{"/user/alice", "/user/bob"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	// Output:
	// /user/alice is /user/{name}
	// /user/bob is /user/{name}
}
