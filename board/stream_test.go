package board_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/board"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// What is at work is there with how far it is, a stream of the board with a mark.
func TestL1_AtWork(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		release := make(chan struct{})
		s := start(t, p, m, board.Options{}, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/response":
				io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
			case "/send":
				_ = eof.Send(r.Context())
			}
			<-release
		})
		defer close(release)
		s.watch()
		time.Sleep(time.Second)
		s.Begin(s.NewRequest("POST", "/handler", nil))
		time.Sleep(time.Second)
		s.Begin(s.NewRequest("GET", "/response", nil))
		time.Sleep(time.Second)
		s.Begin(s.NewRequest("GET", "/send", nil))
		time.Sleep(time.Second)
		after := map[string]string{"Handler": "handler", "Detach": "after response"}[m.name]
		got := s.look().Work
		want := [][3]string{{"GET", "/board", "response"}, {"POST", "/handler", "handler"}, {"GET", "/response", "response"}, {"GET", "/send", after}}
		for i, w := range want {
			if i >= len(got) || got[i].Method != w[0] || got[i].Path != w[1] || got[i].Stage != w[2] || got[i].Viewer != (i == 0) || got[i].Client == "" {
				t.Fatalf("at work: %+v, want %v and this request", got, want)
			}
		}
	})
}

// An ending is on the stream within a tenth of a second, and so is what begins.
func TestL8_WithinATenthOfASecond(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		release := make(chan struct{})
		s := start(t, p, m, board.Options{}, func(http.ResponseWriter, *http.Request) { <-release })
		e := s.watch()
		if _, v, end := e.next(); end || !v.Reset {
			t.Fatalf("the first event = %+v, %v, want a state", v, end)
		}
		// until gives how long it takes until the stream has shown what there says.
		until := func(there func(seen) bool) time.Duration {
			began := time.Now()
			for {
				if _, v, end := e.next(); end || there(v) {
					return time.Since(began)
				}
			}
		}
		for range 10 {
			time.Sleep(7 * time.Millisecond)
			call := s.Begin(s.NewRequest("GET", "/x", nil))
			synctest.Wait()
			if d := until(func(v seen) bool { return len(v.Work) == 2 && v.Work[1].Path == "/x" }); d > 100*time.Millisecond {
				t.Errorf("a request at work is shown after %v, want 100 ms", d)
			}
			release <- struct{}{}
			if d := until(func(v seen) bool { return len(v.Endings) == 1 && v.Ended == 1 && len(v.Work) == 1 }); d > 100*time.Millisecond {
				t.Errorf("an ending is shown after %v, want 100 ms", d)
			}
			res, err := call.Wait()
			body(t, res, err)
		}
	})
}

// Of many endings a stream gets a part, the ones that were no good first, and all numbers.
func TestL7_StreamIsSampled(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{}, ends)
		e := s.watch()
		e.next()
		go func() {
			for i := range 800 {
				s.get([]string{"/", "/exit"}[i%2])
				if i%5 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}()
		all, exits, listed := uint64(0), 0, 0
		for all < 800 {
			_, v, end := e.next()
			if end {
				t.Fatal("the stream has ended")
			}
			if len(v.Endings) > 20 {
				t.Fatalf("%d endings in one event, want at most 20", len(v.Endings))
			}
			all += v.Ended
			for _, one := range v.Endings {
				if listed++; one.Kind == "exit" {
					exits++
				}
			}
		}
		if all != 800 || exits < 40 || listed > 100 {
			t.Errorf("%d endings, %d of them listed, %d exits, want 800, and of these a part, mostly exits", all, listed, exits)
		}
	})
}

// A viewer that does not read delays nobody, misses what happens meanwhile, and is left
// after a while.
func TestL8_SlowViewer(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{Viewers: 1}, func(w http.ResponseWriter, r *http.Request) {
			if len(r.URL.Path) > 1 {
				<-r.Context().Done()
			}
		})
		var calls []*pipenet.Call // a client of HTTP/2 buffers 4 MB of the stream
		for range 120 {
			calls = append(calls, s.Begin(s.NewRequest("GET", "/"+strings.Repeat("x", 250), nil)))
		}
		s.watch().next()
		began := time.Now()
		for range 130 {
			s.get("/")
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); took != 13*time.Second {
			t.Errorf("the requests took %v, want only the time between them", took)
		}
		for _, c := range calls {
			c.Cancel()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := s.life.Stats().Active; n != 0 {
			t.Errorf("%d requests are at work, want none: the stream was left", n)
		}
		s.watch().next() // its place is free
	})
}

// There are so many viewers and no more; a place is free as soon as one has left.
func TestL8_Viewers(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{Viewers: 2}, ends)
		first, second := s.watch(), s.watch()
		first.next()
		second.next()
		res, err := s.Get("/board?format=events")
		if text := body(t, res, err); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !strings.Contains(text, "board.Options.Viewers") {
			t.Errorf("a third viewer gets %d, %v, %q, want 503 that says why", res.StatusCode, res.Header, text)
		}
		s.text("text") // needs no place
		first.res.Body.Close()
		time.Sleep(time.Second)
		synctest.Wait()
		if _, v, end := s.watch().next(); end || !v.Reset {
			t.Error("a viewer after another has left gets nothing, want a state")
		}
	})
}

// Streams end as soon as a drain begins, so that the server need not wait for them.
func TestL8_EndsAtDraining(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{}, ends)
		e := s.watch()
		e.next()
		began := time.Now()
		if err := s.Config.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*time.Second { // HTTP/2 asks again and again
			t.Errorf("Shutdown took %v, want it not to wait for the stream", took)
		}
		last := ""
		for {
			event, _, end := e.next()
			if end {
				break
			}
			last = event
		}
		if last != "draining" {
			t.Errorf("the last event = %q, want draining", last)
		}
	})
}

// Tasks are there with their names, those that run and those that wait.
func TestL1_Tasks(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{}, func(w http.ResponseWriter, r *http.Request) {
			_ = eof.After(r.Context(), time.Hour, func(context.Context) {})
		})
		if err := s.life.Background().Go(t.Context(), "reindex", func(context.Context) { time.Sleep(time.Minute) }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s.get("/")
		got := s.look().Tasks
		if len(got) != 2 || got[0].Route != "reindex" || got[0].Stage != "running" || got[1].Route != "GET /" || got[1].Stage != "waiting" {
			t.Errorf("tasks: %+v, want reindex, which runs, and GET /, which waits", got)
		}
		time.Sleep(2 * time.Hour)
		names := map[string]float64{}
		for _, e := range s.look().Endings {
			if e.Kind == "task" {
				names[e.Route] = e.MS
			}
		}
		if names["reindex"] != 60000 || len(names) != 2 {
			t.Errorf("endings of tasks: %v, want reindex after a minute, and GET /", names)
		}
	})
}

// Viewers, requests and observers get in nobody's way.
func TestL8_ManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, board.Options{Endings: 5}, func(w http.ResponseWriter, r *http.Request) {
			_ = eof.Defer(r.Context(), func(context.Context) {})
			_ = eof.Send(r.Context())
		})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for i := range 50 {
					if res, err := s.Get([]string{"/", "/board?format=json", "/board?format=text"}[i%3]); err != nil {
						t.Error(err)
					} else {
						_, _ = io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
				}
			})
			e := s.watch()
			all.Go(func() {
				for range 5 {
					e.scan.Scan()
				}
			})
		}
		all.Wait()
	})
}
