// Command timeouts has routes with different limits. docs/timeouts.md is its guide.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	life := middleware.New(middleware.Options{Slog: slog.Default()})
	if err := life.ListenAndServe(context.Background(), &http.Server{Addr: ":8080", Handler: router(life)}); err != nil {
		log.Fatal(err)
	}
}

func router(life *middleware.Lifecycle) http.Handler {
	r := chi.NewRouter()
	r.Use(life.Handler, exitcode.Timeout(10*time.Second, http.StatusGatewayTimeout))
	r.With(life.Detach).Get("/report", report)
	r.With(exitcode.Timeout(time.Minute, http.StatusRequestTimeout)).Post("/upload", upload) // longer than the others
	r.With(exitcode.Timeout(0, http.StatusGatewayTimeout)).Get("/events", events)            // no limit
	return r
}

// report does not look at its context. It has Detach around it, so the client gets its 504
// after ten seconds all the same.
func report(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(15 * time.Second)
	_, _ = fmt.Fprintln(w, "the report") // the client does not get this any more
}

func upload(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err == nil { // the read fails when the time is up
		_, _ = fmt.Fprintln(w, n, "bytes")
	}
}

func events(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		_, _ = fmt.Fprintf(w, "data: %s\n\n", time.Now().Format(time.TimeOnly))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
		}
	}
}
