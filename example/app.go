package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
)

// app is what the handlers share.
type app struct {
	settings
	log   zerolog.Logger
	life  *middleware.Lifecycle
	ready atomic.Bool // cleared when the drain begins

	base         context.Context // of all requests
	stopRequests context.CancelCauseFunc
}

func newApp(s settings, log zerolog.Logger) *app {
	a := &app{settings: s, log: log}
	a.life = middleware.New(middleware.Options{
		Logger: log,
		Exit:   exitcode.Options{ErrorPage: exitcode.ProblemJSON},
	})
	a.base, a.stopRequests = context.WithCancelCause(context.Background())
	a.ready.Store(true)
	return a
}

// configure makes srv serve the app.
func (a *app) configure(srv *http.Server) {
	srv.Handler = a.routes()
	srv.BaseContext = func(net.Listener) context.Context { return a.base }
	a.life.Attach(srv)
}

func (a *app) routes() http.Handler {
	r := chi.NewRouter()
	r.Get("/ready", a.readiness) // outside of the Lifecycle, because probes need no log line
	r.Group(func(r chi.Router) {
		r.Use(a.life.Handler)
		r.Get("/long", a.longWork)
		r.With(exitcode.Phase(a.rewrite), exitcode.Phase(a.access)).Get("/phases", a.content)
		r.Get("/gone", a.gone)
		r.Get("/exit/{code}", a.exit)
		r.With(a.life.Detach).HandleFunc("/async", a.async)
		r.Get("/deferred", a.deferred)
		r.Get("/fanout", a.fanout)
	})
	return r
}

// readiness answers the probe of a load balancer.
func (a *app) readiness(w http.ResponseWriter, _ *http.Request) {
	if !a.ready.Load() {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}
