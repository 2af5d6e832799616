// Command order has the middlewares of other packages in the order in which they go
// together with lastbyte. docs/middleware-order.md is its guide.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	chimw "github.com/go-chi/chi/v5/middleware"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	life := middleware.New(middleware.Options{Slog: slog.Default()})
	srv := &http.Server{Addr: ":8080", Handler: router(life, func(context.Context) error { return nil })}
	if err := life.ListenAndServe(context.Background(), srv); err != nil {
		log.Fatal(err)
	}
}

func router(life *middleware.Lifecycle, work func(context.Context) error) http.Handler {
	r := chi.NewRouter()
	// Outside: what gives names, and what looks at the whole response.
	r.Use(chimw.RequestID)
	r.Use(chimw.Compress(5, "text/plain"))
	// lastbyte.
	r.Use(life.Handler)
	r.Use(exitcode.Recover)
	r.Use(exitcode.Timeout(10*time.Second, http.StatusGatewayTimeout))
	// Inside: what decides about a request and changes it.
	r.Use(exitcode.Rewrite(authenticate))
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("a bug") })
	r.Group(func(r chi.Router) {
		r.Use(life.Detach) // innermost: everything above ends with the response
		r.Post("/tasks", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = fmt.Fprintln(w, "got the task!")
			if eof.Send(r.Context()) != nil {
				return // nobody has the response
			}
			if err := work(r.Context()); err != nil {
				slog.ErrorContext(r.Context(), "task", "err", err)
			}
		})
	})
	return r
}

func authenticate(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	user, _, ok := r.BasicAuth()
	if !ok {
		w.Header().Set("WWW-Authenticate", "Basic")
		return nil, &exitcode.ExitError{Code: http.StatusUnauthorized, Err: errors.New("no credentials")}
	}
	middleware.SetAttrs(r.Context(), slog.String("user", user))
	return r, nil
}
