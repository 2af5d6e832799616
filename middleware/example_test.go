package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// fetch sends a GET request for path to a server and prints the response.
func fetch(srv *httptest.Server, path string) {
	res, err := srv.Client().Get(srv.URL + path)
	if err != nil {
		fmt.Println("no answer")
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%d %q\n", res.StatusCode, body)
}

// serve serves one request with h, inside life, and prints the response.
func serve(life *middleware.Lifecycle, h http.Handler) {
	srv := httptest.NewUnstartedServer(h)
	life.Attach(srv.Config)
	srv.Start()
	defer srv.Close()
	fetch(srv, "/")
}

func Example() {
	life := middleware.New(middleware.Options{})
	answered := make(chan struct{})

	r := chi.NewRouter()
	r.Use(life.Handler)
	r.With(life.Detach).Get("/tasks", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "got the task!")
		eof.Send(r.Context()) // the client has the whole response, and its connection is free
		<-answered
		fmt.Println("task done")
	})

	srv := httptest.NewUnstartedServer(r)
	life.Attach(srv.Config)
	srv.Start()
	fetch(srv, "/tasks")
	close(answered)
	srv.Close()
	life.Shutdown(context.Background()) // waits for the task
	// Output:
	// 200 "got the task!"
	// task done
}

func ExampleNew() {
	life := middleware.New(middleware.Options{
		Exit:  exitcode.Options{ErrorPage: exitcode.ProblemJSON},
		OnEnd: func(_ *http.Request, o middleware.Outcome) { fmt.Println("ended:", o.Status, o.Exit) },
	})
	serve(life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exitcode.Exit(r.Context(), 403)
	})))
	// Output:
	// ended: 403 403 Forbidden
	// 403 "{\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403,\"instance\":\"/\"}\n"
}

func ExampleLifecycle_Handler() {
	life := middleware.New(middleware.Options{})
	r := chi.NewRouter()
	r.Use(life.Handler)
	r.Get("/", func(w http.ResponseWriter, r *http.Request) {
		abort.On(r.Context(), func(context.Context) {}) // the check is on
		eof.Defer(r.Context(), func(context.Context) { fmt.Println("deferred") })
		fmt.Fprint(w, "hello")
	})
	serve(life, r)
	life.Shutdown(context.Background())
	// Unordered output:
	// 200 "hello"
	// deferred
}

func ExampleLifecycle_Detach() {
	life := middleware.New(middleware.Options{})
	answered := make(chan struct{})
	r := chi.NewRouter()
	r.With(life.Detach).Get("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "at once")
		eof.Send(r.Context())
		<-answered // the handler still runs
		fmt.Println("and now the work")
	})
	serve(life, r)
	close(answered)
	life.Shutdown(context.Background())
	// Output:
	// 200 "at once"
	// and now the work
}

func ExampleLifecycle_Attach() {
	life := middleware.New(middleware.Options{})
	srv := httptest.NewUnstartedServer(life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello")
	})))
	life.Attach(srv.Config) // before it serves
	srv.Start()
	defer srv.Close()
	fetch(srv, "/")
	// Output: 200 "hello"
}

func ExampleLifecycle_Shutdown() {
	life := middleware.New(middleware.Options{})
	serve(life, life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		eof.Send(r.Context())
		<-r.Context().Done() // ends when the shutdown gives up
	})))
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := life.Shutdown(ctx) // eof: shutdown gave up 1 handler (GET, 0.0s): context deadline exceeded
	fmt.Println("gave up:", errors.Is(err, context.DeadlineExceeded))
	// Output:
	// 200 ""
	// gave up: true
}

func ExampleLifecycle_Stats() {
	life := middleware.New(middleware.Options{})
	serve(life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exitcode.Exit(r.Context(), 404)
	})))
	st := life.Stats()
	fmt.Println(st.Requests, st.Exits, st.Aborts, st.Active)
	// Output:
	// 404 "404 Not Found\n"
	// 1 1 0 0
}

func ExampleOutcome() {
	log := textLog()
	life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) {
		log.Info("request", "o", o)
	}})
	serve(life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exitcode.Exit(r.Context(), 404)
	})))
	// Output:
	// level=INFO msg=request o.status=404 o.sent=404 o.size=14 o.exit=404
	// 404 "404 Not Found\n"
}
