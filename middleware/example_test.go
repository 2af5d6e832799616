package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"

	"github.com/rs/zerolog"
)

// request sends a request to h and prints the answer.
func request(h http.Handler) {
	srv := httptest.NewServer(h)
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		fmt.Println("no answer")
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%d %s\n", res.StatusCode, body)
}

// leave sends a request to h and leaves while h is at work.
func leave(h http.Handler) {
	ctx, cancel := context.WithCancel(context.Background())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	req, _ := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
	if res, err := srv.Client().Do(req); err == nil {
		res.Body.Close()
	}
}

func Example() {
	life := middleware.New(middleware.Options{})
	defer life.Shutdown(context.Background())

	r := chi.NewRouter()
	r.Use(life.Handler)
	r.With(life.Detach).Get("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "got the task!")
		eof.Send(r.Context()) // the client has its whole answer, its connection is free
		fmt.Println("at work")
	})
	r.Get("/none", func(w http.ResponseWriter, r *http.Request) {
		exitcode.Exit(r.Context(), 404)
	})

	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, httptest.NewRequest("GET", "http://example.com/none", nil))
	fmt.Print(rec.Body)
	// Output: 404 Not Found
}

func ExampleNew() {
	life := middleware.New(middleware.Options{
		Logger: zerolog.New(os.Stdout).Hook(zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
			e.Str("service", "shop")
		})),
		OnEnd: func(o middleware.Outcome) { fmt.Println("ended with", o.Status) },
		Exit:  exitcode.Options{ErrorPage: exitcode.ProblemJSON},
	})
	h := life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exitcode.Exit(r.Context(), exitcode.Close)
	}))
	h = noTimes(h)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
	// Output: ended with 444
}
