package metrics_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/metrics"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/go-chi/chi/v5"
)

// hostile serves requests whose client chooses all that it can: method, path, host, header
// fields, the number of the exit.
func hostile(h http.Handler, n int) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		word := "evil" + strconv.FormatUint(random.Uint64(), 36)
		r := httptest.NewRequest("GET", "/exit/"+strconv.Itoa(200+i%800), nil)
		switch i % 5 {
		case 1:
			r.URL = &url.URL{Path: "/" + word + "\xff\x00\"\n"}
		case 2:
			r.URL = &url.URL{Path: "/api/" + word}
		case 3:
			r.Method = strings.ToUpper(word)
		case 4: // which a ServeMux redirects
			r.Method, r.URL = "CONNECT", &url.URL{Path: "/tree/" + word}
		}
		r.Host, r.RemoteAddr = word+".example", word
		r.Header.Set("X-Request-Id", word)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// exits exits with the number in the path.
func exits(_ http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	if err != nil {
		code = http.StatusNotFound
	}
	_ = middleware.SetAttrs(r.Context(), slog.String("path", r.URL.Path))
	_ = exitcode.Exit(r.Context(), exitcode.Code(code))
}

// Whatever clients send, the series stay those of the program's routes.
func TestM3_Cardinality(t *testing.T) {
	t.Parallel()
	chiRoutes := chi.NewRouter()
	chiRoutes.Get("/exit/{code}", exits)
	chiRoutes.Route("/api", func(r chi.Router) { r.Get("/item/{id}", exits) })
	chiRoutes.NotFound(exits)
	chiRoutes.MethodNotAllowed(exits)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /exit/{code}", exits)
	mux.HandleFunc("/api/", exits)
	mux.HandleFunc("/tree/{word}/", exits)
	redirects := exitcode.HeaderFilter(func(_ *http.Request, status int, _ http.Header) exitcode.Code {
		if status == http.StatusTemporaryRedirect {
			return http.StatusForbidden
		}
		return exitcode.OK
	})
	careless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = r.URL.Path // as a program may that does not know better
		exits(w, r)
	})
	tests := []struct {
		name   string
		h      http.Handler
		routes int // that may be there
		spared string
	}{
		{"chi", chiRoutes, 3, "evil"}, // unmatched, /exit/{code}, /api/*
		{"ServeMux", redirects(mux), 3, "evil"},
		{"no router", http.HandlerFunc(exits), 1, "evil"},
		{"paths as patterns", careless, 20 + 2, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			life := newLife(t)
			reg := registry(life, metrics.Options{Routes: 20})
			hostile(life.Handler(tt.h), 4000)
			found, all := scrape(t, reg), 0
			for series := range found {
				if strings.HasPrefix(series, "lastbyte_exits_total{") {
					all++
				}
				if len(series) > 400 || tt.spared != "" && strings.Contains(strings.ToLower(series), tt.spared) {
					t.Errorf("series %q, want nothing in it that a client chose", series)
				}
			}
			if most := tt.routes * 33; all == 0 || all > most {
				t.Errorf("exits have %d series, want 1 to %d", all, most)
			}
			adds(t, life, found)
		})
	}
}

// A route past the limit is "other", and those that are known keep their name.
func TestM3_RoutesPastTheLimit(t *testing.T) {
	t.Parallel()
	life := newLife(t)
	reg := registry(life, metrics.Options{Routes: 2})
	mux := http.NewServeMux()
	for i := range 4 {
		mux.HandleFunc(fmt.Sprintf("/%d/{code}", i), exits)
	}
	h := life.Handler(mux)
	for i := range 8 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprintf("/%d/403", i%4), nil))
	}
	found := scrape(t, reg)
	for route, want := range map[string]float64{"/0/{code}": 2, "/1/{code}": 2, "other": 4} {
		series := fmt.Sprintf("lastbyte_exits_total{code=%q,route=%q}", "403", route)
		if found[series] != want {
			t.Errorf("%s = %v, want %v", series, found[series], want)
		}
	}
}
