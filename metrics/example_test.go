package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/metrics"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// show prints the lines of a scrape that begin so.
func show(h http.Handler, prefix string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, prefix) {
			fmt.Print(line)
		}
	}
}

// The metrics are served beside the routes that they are of.
func ExampleNew() {
	life := middleware.New(middleware.Options{})
	reg := prometheus.NewRegistry()
	reg.MustRegister(metrics.New(life, metrics.Options{}))

	r := chi.NewRouter()
	r.Method("GET", "/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	r.Group(func(r chi.Router) {
		r.Use(life.Handler)
		r.Get("/item/{id}", func(w http.ResponseWriter, r *http.Request) {
			_ = exitcode.Exit(r.Context(), http.StatusNotFound)
		})
	})
	for _, path := range []string{"/item/7", "/item/8"} {
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	show(r, "lastbyte_e")
	// Output:
	// lastbyte_endings_total{ending="client"} 0
	// lastbyte_endings_total{ending="exit"} 2
	// lastbyte_endings_total{ending="handler"} 0
	// lastbyte_endings_total{ending="panic"} 0
	// lastbyte_endings_total{ending="send"} 0
	// lastbyte_exits_total{code="404",route="/item/{id}"} 2
}

// A program with two servers tells them apart by a label.
func ExampleOptions() {
	api, admin := middleware.New(middleware.Options{}), middleware.New(middleware.Options{})
	reg := prometheus.NewRegistry()
	for name, life := range map[string]*middleware.Lifecycle{"api": api, "admin": admin} {
		reg.MustRegister(metrics.New(life, metrics.Options{
			ConstLabels: prometheus.Labels{"server": name},
			Buckets:     []time.Duration{time.Second, time.Minute},
		}))
	}
	show(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}), "lastbyte_background_running")
	// Output:
	// lastbyte_background_running{server="admin"} 0
	// lastbyte_background_running{server="api"} 0
}

// Whoever makes a Lifecycle for a while unregisters its Collector, and closes it.
func ExampleCollector_Close() {
	life := middleware.New(middleware.Options{})
	c := metrics.New(life, metrics.Options{})
	prometheus.MustRegister(c)
	defer func() {
		fmt.Println("unregistered:", prometheus.Unregister(c))
		c.Close()
	}()
	// Output: unregistered: true
}
