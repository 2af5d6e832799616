// Command live shows on a page how its requests end. docs/board.md is its guide.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	life := middleware.New(middleware.Options{})
	if err := life.ListenAndServe(context.Background(), &http.Server{Addr: "localhost:8080", Handler: router(life)}); err != nil {
		log.Fatal(err)
	}
}

func router(life *middleware.Lifecycle) http.Handler {
	r := chi.NewRouter()
	r.Use(life.Handler)
	r.Handle("/debug/requests*", board.New(life))
	r.Get("/report/{name}", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(30 * time.Second):
			_, _ = fmt.Fprintln(w, "the report")
		case <-r.Context().Done():
		}
	})
	return r
}
