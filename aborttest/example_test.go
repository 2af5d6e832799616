package aborttest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// A test of a handler that stops when its client leaves.
func ExampleRun() {
	stops := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	test := func(t *testing.T) {
		aborttest.Run(t, http.HandlerFunc(stops), func(t *testing.T, c *aborttest.Client) {
			call := c.Get("/")
			time.Sleep(2 * time.Second)
			call.Leave(aborttest.Reset)
			if o := call.Outcome(); o.Abort == nil || o.Abort.Reason != "reset" {
				t.Errorf("Outcome = %+v, want an abort by a reset", o)
			}
		})
	}
	_ = test // go test calls it
}

func ExampleServer() {
	test := func(t *testing.T) {
		arrived := make(chan struct{})
		c := aborttest.Server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
		}))
		call := c.Get("/")
		<-arrived
		call.Leave(aborttest.Close)
		if o := call.Outcome(); o.Status != 499 {
			t.Errorf("Outcome = %+v, want 499", o)
		}
	}
	_ = test // go test calls it
}

func ExampleRecorder() {
	rec := aborttest.NewRecorder()
	h := abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec.Leave("closed")
		<-r.Context().Done()
		fmt.Println(context.Cause(r.Context()).(*abort.Error).Reason)
	}))
	rec.Serve(h, httptest.NewRequest("GET", "/", nil))
	fmt.Println(rec.Dropped, rec.Code)
	// Output:
	// closed
	// true 499
}

// An exit that sends nothing is no panic here.
func ExampleNewRecorder() {
	rec := aborttest.NewRecorder()
	h := exitcode.Phase(func(http.ResponseWriter, *http.Request) exitcode.Code { return exitcode.Close })
	rec.Serve(h(http.NotFoundHandler()), httptest.NewRequest("GET", "/", nil))
	fmt.Println(rec.Dropped, rec.Code)
	// Output: true 444
}
