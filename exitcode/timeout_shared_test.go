package exitcode_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// madeOutside is made outside of all bubbles, as a Timeout in a package variable is.
var madeOutside = exitcode.Timeout(time.Second, 504)

// A Timeout may be used in testing/synctest bubbles and outside, also if it was made
// outside.
func TestX17_MadeOutside(t *testing.T) {
	waits := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	outside := httptest.NewRecorder()
	done := make(chan struct{})
	go func() { // its second passes meanwhile
		defer close(done)
		madeOutside(http.HandlerFunc(waits)).ServeHTTP(outside, httptest.NewRequest("GET", "/", nil))
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
	check(t, "outside of bubbles", outside.Code, 504)
}

// madeInside is made in the first bubble that needs it, as a handler that a program makes
// once is.
var madeInside = sync.OnceValue(func() func(http.Handler) http.Handler {
	return exitcode.Timeout(time.Second, 504)
})

// A Timeout that was made in a bubble may be used in others, and outside.
func TestX17_MadeInAnotherBubble(t *testing.T) {
	serve := func(path string) (status int, took time.Duration) {
		h := madeInside()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/waits" {
				select {
				case <-r.Context().Done():
				case <-time.After(time.Minute):
				}
			}
		}))
		begin, w := time.Now(), httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, time.Since(begin)
	}
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			for range 2 {
				status, took := serve("/waits")
				check(t, "in a bubble", status, 504)
				check(t, "the exit after", took, time.Second)
			}
			status, _ := serve("/") // its time would have come after the end of the bubble
			check(t, "in time", status, 200)
		})
	}
	status, _ := serve("/waits")
	check(t, "outside of bubbles", status, 504)
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

// The same in real time, where the requests of a Timeout share a list, at which they come,
// leave and are told at once. Whoever waits for the end of its context is told, and nobody
// before it is time.
func TestX17_ManyAtOnce(t *testing.T) {
	const d = 3 * time.Millisecond
	background := eof.New(eof.Options{})
	defer func() { check(t, "Shutdown", background.Shutdown(t.Context()), nil) }()
	timeout := exitcode.Timeout(d, 504)
	h := timeout(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/waits" {
			<-r.Context().Done()
			return
		}
		select {
		case <-r.Context().Done():
		case <-time.After(rand.N(2 * d)):
		}
	}))
	late := exitcode.Timeout(time.Hour, 502)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(rand.N(d)) // it comes to its time out of turn
		h.ServeHTTP(w, r)
	}))
	ways := []http.Handler{h, late, background.Detach(h), timeout(background.Detach(late))}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for j := range 30 {
				path := []string{"/", "/waits"}[j%2]
				begin, w := time.Now(), httptest.NewRecorder()
				ways[(i+j/2)%len(ways)].ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				switch {
				case w.Code != 504 && path == "/waits":
					t.Errorf("status %d, want 504", w.Code)
				case w.Code == 504 && time.Since(begin) < d:
					t.Errorf("an exit after %v, want %v", time.Since(begin), d)
				}
			}
		})
	}
	all.Wait()
}
