// Command api is a JSON API for users with a token, each of whose errors is a problem of
// RFC 9457. docs/logging.md is its guide.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	chimw "github.com/go-chi/chi/v5/middleware"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func main() {
	a := newAPI(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := a.life.ListenAndServe(ctx, &http.Server{Addr: ":8080", Handler: a.router()}); err != nil {
		log.Fatal(err)
	}
}

// api is a JSON API for users with a token. Each of its errors is a problem of RFC 9457.
type api struct{ life *middleware.Lifecycle }

func newAPI(log *slog.Logger) *api {
	return &api{middleware.New(middleware.Options{Slog: log, Exit: exitcode.Options{ErrorPage: exitcode.ProblemJSON}})}
}

func (a *api) router() http.Handler {
	r := chi.NewRouter()
	r.Use(chimw.RequestID, a.life.Handler, exitcode.Recover, exitcode.Timeout(5*time.Second, http.StatusGatewayTimeout))
	r.Use(exitcode.Rewrite(authenticate))
	r.Method("GET", "/notes/{id}", exitcode.Handler(note))
	r.With(a.life.Detach).Method("GET", "/at-once/{id}", exitcode.Handler(note))
	r.NotFound(func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), http.StatusNotFound) })
	return r
}

type userKey struct{}

// authenticate has the next handlers find the user in the context.
func authenticate(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	user, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		return nil, exitcode.Code(http.StatusUnauthorized).Err()
	}
	middleware.SetAttrs(r.Context(), slog.String("user", user))
	return r.WithContext(context.WithValue(r.Context(), userKey{}, user)), nil
}

func note(w http.ResponseWriter, r *http.Request) error {
	user, _ := r.Context().Value(userKey{}).(string)
	n, err := find(r.Context(), user, chi.URLParam(r, "id"))
	if err != nil {
		return fmt.Errorf("note of %s: %w", user, err)
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(n)
}

// find stands for a store.
func find(ctx context.Context, user, id string) (map[string]string, error) {
	switch id {
	case "1":
		return map[string]string{"user": user, "text": "milk"}, nil
	case "down":
		return nil, errors.New("connection to 10.0.0.7 refused")
	case "full":
		return nil, &exitcode.ExitError{Code: http.StatusServiceUnavailable, Detail: "Try again.", Err: errors.New("pool of 10.0.0.7 is empty")}
	case "bug":
		panic("secret of 10.0.0.7")
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, &exitcode.ExitError{Code: http.StatusNotFound, Detail: "There is no note " + id + "."}
}
