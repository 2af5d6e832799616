package exitcode_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// madeOutside is made outside of all bubbles, as a Timeout in a package variable is.
var madeOutside = exitcode.Timeout(time.Second, 504)

// A Timeout may be used in testing/synctest bubbles and outside, also if it was made
// outside.
func TestX17_MadeOutside(t *testing.T) {
	waits := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	real := httptest.NewRecorder()
	done := make(chan struct{})
	go func() { // its second passes meanwhile
		defer close(done)
		madeOutside(http.HandlerFunc(waits)).ServeHTTP(real, httptest.NewRequest("GET", "/", nil))
	}()
	for range 3 {
		pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
			s := start(t, p, madeOutside, waits)
			for range 3 {
				begin := time.Now()
				s.get("/").is(t, "GET", 504, "504 Gateway Timeout\n")
				check(t, "the exit after", time.Since(begin), time.Second)
			}
		})
	}
	<-done
	check(t, "outside of bubbles", real.Code, 504)
}

// Many requests share a Timeout. Those that come in time are not touched, whatever
// becomes of the others around them, and each of the others has its own time, also if it
// came to the Timeout long after it began.
func TestX17_ManyRequests(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		timeout := exitcode.Timeout(time.Second, 504)
		inner := timeout(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			takes, err := strconv.Atoi(r.URL.Query().Get("takes"))
			if err != nil {
				t.Error(err)
			}
			select {
			case <-r.Context().Done():
			case <-time.After(time.Duration(takes) * time.Millisecond):
				fmt.Fprint(w, "in time")
			}
		}))
		around := exitcode.New(exitcode.Options{})
		s := start(t, p, around, func(w http.ResponseWriter, r *http.Request) {
			late, err := strconv.Atoi(r.URL.Query().Get("late"))
			if err != nil {
				t.Error(err)
			}
			time.Sleep(time.Duration(late) * time.Millisecond)
			inner.ServeHTTP(w, r)
		})
		var all sync.WaitGroup
		for i := range 150 {
			late, takes := i*7%23*40, i*13%29*50 // up to 880 and 1,400 ms
			all.Go(func() {
				begin := time.Now()
				res, err := s.Get(fmt.Sprintf("/?late=%d&takes=%d", late, takes))
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
				took, status := time.Duration(late+takes)*time.Millisecond, 200
				if took == time.Second {
					return // both at the same moment
				}
				if took > time.Second {
					took, status = time.Second, 504
				}
				name := fmt.Sprintf("late %d, takes %d: ", late, takes)
				check(t, name+"status", res.StatusCode, status)
				check(t, name+"the answer after", time.Since(begin), took)
			})
			time.Sleep(3 * time.Millisecond)
		}
		all.Wait()
	})
}
