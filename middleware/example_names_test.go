package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A count for each way to end.
func ExampleEnding() {
	count := map[middleware.Ending]int{}
	life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { count[o.Ending()]++ }})
	h := life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/secret" {
			_ = exitcode.Exit(r.Context(), http.StatusForbidden)
		}
	}))
	for _, path := range []string{"/", "/secret", "/"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com"+path, nil))
	}
	for _, e := range []middleware.Ending{middleware.ByHandler, middleware.ByExit, middleware.ByClient, middleware.BySend, middleware.ByPanic} {
		fmt.Println(e, count[e])
	}
	// Output:
	// handler 2
	// exit 1
	// client 0
	// send 0
	// panic 0
}

// Who has been at work for long.
func ExampleRequest() {
	const long = 0 // a minute, in a program
	stuck := func(q middleware.Request) bool { return time.Since(q.Outcome.Start) >= long }
	life := middleware.New(middleware.Options{})
	h := life.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		for q := range life.Requests() {
			if stuck(q) {
				fmt.Println(q.Method, q.Path)
			}
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/report", nil))
	// Output: GET /report
}
