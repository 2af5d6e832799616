package aborttest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Handlers behind routers and middlewares are tested as they are, with the kit's
// Lifecycle around, or with one that is in there.
func TestRun_Routers(t *testing.T) {
	life := middleware.New(middleware.Options{})
	routers := map[string]struct {
		life *middleware.Lifecycle
		h    func(own ...func(http.Handler) http.Handler) http.Handler
	}{
		"chi": {nil, chiRouter}, "chi, its own Lifecycle": {life, chiRouter},
		"ServeMux": {nil, serveMux}, "ServeMux, its own Lifecycle": {life, serveMux},
	}
	for name, r := range routers {
		t.Run(name, func(t *testing.T) {
			h := r.h()
			if r.life != nil {
				h = r.h(r.life.Handler)
			}
			aborttest.RunWith(t, aborttest.Options{Lifecycle: r.life}, h, func(t *testing.T, c *aborttest.Client) {
				call := c.Get("/jobs/17")
				call.Header()
				call.Leave(aborttest.Timeout)
				if o := call.Outcome(); o.Abort == nil || o.Status != 202 {
					t.Errorf("Outcome = %+v, want an abort of a 202", o)
				}
				if log := call.Log(); r.life == nil && !strings.Contains(log, "path=/jobs/17 ") {
					t.Errorf("Log() = %q, want the line of the request", log)
				}
			})
		})
	}
}

// job is a handler that begins a response, and waits.
func job(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusAccepted)
	http.NewResponseController(w).Flush()
	waits(w, r)
}

func chiRouter(own ...func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(chimiddleware.RequestID, chimiddleware.Recoverer)
	r.Use(own...)
	r.Get("/jobs/{id}", job)
	return r
}

func serveMux(own ...func(http.Handler) http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /jobs/{id}", job)
	var h http.Handler = mux
	for _, wrap := range own {
		h = wrap(h)
	}
	return h
}
