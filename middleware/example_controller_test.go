package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

func ExampleFrom() {
	life := middleware.New(middleware.Options{})
	serve(life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := middleware.From(r.Context()); ok {
			c.Exit(403)
		}
	})))
	_, ok := middleware.From(context.Background())
	fmt.Println(ok)
	// Output:
	// 403 "403 Forbidden\n"
	// false
}

func ExampleController_OnAbort() {
	life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { fmt.Println("recorded:", o.Status) }})
	h := life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := middleware.From(r.Context())
		c.OnAbort(func(context.Context) {
			fmt.Println("the client left")
			c.Exit(exitcode.ClientClosedRequest)
		})
		<-r.Context().Done()
	}))

	ctx, leave := context.WithCancel(context.Background())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave()
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	req, _ := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
	srv.Client().Do(req)
	// Output:
	// the client left
	// recorded: 499
}

func ExampleController_Exit() {
	life := middleware.New(middleware.Options{})
	serve(life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := middleware.From(r.Context())
		c.Exit(exitcode.Close) // the client gets no byte
		fmt.Println(context.Cause(r.Context()))
	})))
	// Unordered output:
	// exit 444 Close
	// no answer
}

func ExampleController_EOF() {
	life := middleware.New(middleware.Options{})
	answered := make(chan struct{})
	serve(life, life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := middleware.From(r.Context())
		fmt.Fprint(w, "all of it")
		c.EOF()
		<-answered
		fmt.Println("work after it:", r.Context().Err())
	})))
	close(answered)
	life.Shutdown(context.Background())
	// Output:
	// 200 "all of it"
	// work after it: <nil>
}

func ExampleController_Defer() {
	life := middleware.New(middleware.Options{})
	h := life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := middleware.From(r.Context())
		c.Defer(func(context.Context) { fmt.Println("after the response") })
		fmt.Println("in the handler")
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
	life.Shutdown(context.Background())
	// Output:
	// in the handler
	// after the response
}

func ExampleController_Spawn() {
	life := middleware.New(middleware.Options{})
	serve(life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := middleware.From(r.Context())
		price := 0
		t, _ := c.Spawn(func(context.Context) error { price = 42; return nil })
		if err := t.Wait(r.Context()); err == nil {
			fmt.Fprint(w, "price: ", price)
		}
	})))
	// Output: 200 "price: 42"
}

func ExampleController_Outcome() {
	life := middleware.New(middleware.Options{})
	serve(life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := middleware.From(r.Context())
		fmt.Println("before:", c.Outcome().Status, c.Outcome().Bytes)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, "hello")
		fmt.Println("now:", c.Outcome().Status, c.Outcome().Bytes)
	})))
	// Output:
	// before: 0 0
	// now: 202 5
	// 202 "hello"
}
