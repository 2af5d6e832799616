// Package metrics counts how requests end, for Prometheus: who ended them, the clients
// that left, the exits, and the work after responses.
//
//	life := middleware.New(middleware.Options{})
//	reg := prometheus.NewRegistry()
//	reg.MustRegister(metrics.New(life, metrics.Options{}))
//
//	r := chi.NewRouter()
//	r.Method("GET", "/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
//	r.Group(func(r chi.Router) {
//		r.Use(life.Handler)
//		r.Get("/report", report)
//	})
//
// It has only what others cannot measure. How long requests take, how many there are and
// with which status, promhttp and otelhttp tell; put those outside of the Lifecycle's
// Handler, where they see 444 and 499 as well. docs/metrics.md lists the metrics, with
// queries.
//
// # Limits
//
// The label route is the pattern of chi or of http.ServeMux, never a path; requests
// without one share the value "unmatched". The number of series has a bound whatever the
// clients send, see [Options].Routes. A client that leaves while a scrape is under way
// may be in one metric of that scrape and not yet in another.
package metrics
