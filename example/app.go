package main

import (
	"context"
	"net/http"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
)

// app is what the handlers share.
type app struct {
	settings
	log  zerolog.Logger
	life *middleware.Lifecycle
}

func newApp(s settings, log zerolog.Logger) *app {
	a := &app{settings: s, log: log}
	a.life = middleware.New(middleware.Options{
		Logger: log,
		Exit:   exitcode.Options{ErrorPage: exitcode.ProblemJSON},
		Grace:  s.grace,
		Lag:    s.lag,
		Last: func(context.Context) error { // close here what the handlers used: databases, job engines, the tracer
			a.tell("over")
			return nil
		},
	})
	return a
}

// tell logs a step of the drain, and how much work is left.
func (a *app) tell(what string) {
	now := a.life.Stats()
	tasks := now.Background.Running + now.Background.Pending
	a.log.Info().Int64("requests", now.Active).Int64("detached", now.Background.Detached).
		Int64("tasks", tasks).Msg("drain: " + what)
}

func (a *app) routes() http.Handler {
	r := chi.NewRouter()
	r.Get("/ready", a.life.Ready) // outside of the Lifecycle, because probes need no log line
	r.NotFound(page().ServeHTTP)  // the files of the page; a known path with another method is a 405
	r.Group(func(r chi.Router) {
		r.Use(a.life.Handler)
		r.Get("/long", a.longWork)
		r.With(exitcode.Phase(a.rewrite), exitcode.Phase(a.access)).Get("/phases", a.content)
		r.Get("/gone", a.gone)
		r.Get("/exit/{code}", a.exit)
		r.With(a.life.Detach).HandleFunc("/async", a.async)
		r.Get("/deferred", a.deferred)
		r.Get("/fanout", a.fanout)
		r.Get("/repeat", a.repeat)
		r.Get("/stream", a.stream)
		r.Get("/socket", a.socket)
		r.Post("/upload", a.upload)
		r.With(a.life.Detach, exitcode.Timeout(a.limit, http.StatusGatewayTimeout)).Get("/slow", a.slow)
		r.Handle("/debug/requests*", board.New(a.life))
	})
	return r
}
