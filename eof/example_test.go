package eof_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/eof"
)

// fetch prints the response to a GET of path.
func fetch(srv *httptest.Server, path string) {
	res, err := srv.Client().Get(srv.URL + path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("client: %s %q\n", res.Status, body)
}

func Example() {
	background := eof.New(eof.Options{})
	answered := make(chan struct{})

	r := chi.NewRouter()
	r.With(background.Detach).Get("/tasks/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "got the task!")
		if err := eof.Send(r.Context()); err != nil {
			return // the client has left before
		}
		<-answered // the client has the whole response already
		fmt.Println("server: indexing", chi.URLParam(r, "id"))
	})
	srv := httptest.NewServer(r)
	fetch(srv, "/tasks/7")
	close(answered)
	srv.Close()
	background.Shutdown(context.Background())
	// Output:
	// client: 200 OK "got the task!"
	// server: indexing 7
}

func ExampleSend() {
	background := eof.New(eof.Options{})
	answered := make(chan struct{})
	srv := httptest.NewServer(background.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "got the task!")
		fmt.Println("server:", eof.Send(r.Context()))
		<-answered
		fmt.Println("server:", eof.Send(r.Context()))
		_, err := fmt.Fprint(w, "and more")
		fmt.Println("server:", err)
	})))
	fetch(srv, "/")
	close(answered)
	srv.Close()
	background.Shutdown(context.Background())
	// Output:
	// server: <nil>
	// client: 200 OK "got the task!"
	// server: lastbyte: the response is complete
	// server: lastbyte: the response is complete
}

// The task has the values of the request, including the parameters of the route.
func ExampleDefer() {
	background := eof.New(eof.Options{})
	r := chi.NewRouter()
	r.Use(background.Handler)
	r.Get("/users/{name}", func(w http.ResponseWriter, r *http.Request) {
		eof.Defer(r.Context(), func(ctx context.Context) {
			fmt.Println("server: a visit to", chi.URLParamFromCtx(ctx, "name"))
		})
	})
	srv := httptest.NewServer(r)
	fetch(srv, "/users/gopher")
	srv.Close()
	background.Shutdown(context.Background())
	// Unordered output:
	// client: 200 OK ""
	// server: a visit to gopher
}

func ExampleAfter() {
	background := eof.New(eof.Options{})
	done := make(chan struct{})
	srv := httptest.NewServer(background.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ended := time.Now()
		eof.After(r.Context(), 20*time.Millisecond, func(context.Context) {
			fmt.Println("20 ms later:", time.Since(ended) >= 20*time.Millisecond)
			close(done)
		})
	})))
	fetch(srv, "/")
	<-done
	srv.Close()
	// Unordered output:
	// client: 200 OK ""
	// 20 ms later: true
}

// A shutdown does not wait until the hour has passed.
func ExamplePremature() {
	background := eof.New(eof.Options{})
	srv := httptest.NewServer(background.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		eof.After(r.Context(), time.Hour, func(ctx context.Context) {
			if eof.Premature(ctx) {
				fmt.Println("server: there is no later, saved at once")
			}
		})
	})))
	fetch(srv, "/")
	srv.Close()
	background.Shutdown(context.Background())
	// Output:
	// client: 200 OK ""
	// server: there is no later, saved at once
}
