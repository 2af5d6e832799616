package exitcode_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A handler that is stuck in a Write, since the client does not read, is let go, and the
// response is cut.
func TestX17_StuckWrite(t *testing.T) {
	for _, configure := range []func(*http.Server){attach, func(*http.Server) {}} {
		limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
			back := make(chan time.Duration, 1)
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
				begin := time.Now()
				chunk := make([]byte, 32<<10)
				for range 1000 { // 32 MB: nobody grants that much
					if _, err := w.Write(chunk); err != nil {
						back <- time.Since(begin)
						check(t, "Err", r.Context().Err(), context.DeadlineExceeded)
						refusedWrites(t, w)
						time.Sleep(time.Hour)
						return
					}
				}
				t.Error("the client was sent 32 MB, want Write to block")
				back <- 0
			}, configure)
			res, err := s.Get("/")
			if err != nil {
				t.Fatalf("GET = %v, want a header", err)
			}
			check(t, "the blocked Write returns", <-back, time.Second)
			if _, err := io.Copy(io.Discard, res.Body); err == nil {
				t.Error("reading the body = nil, want it cut off")
			}
			check(t, "log", s.Logs(), "")
		})
	}
}

// A handler that is stuck in a read of the request body is let go: under Detach it
// holds nothing up, and without the answer goes out when it returns.
func TestX17_StuckBodyRead(t *testing.T) {
	for _, configure := range []func(*http.Server){attach, func(*http.Server) {}} {
		limited(t, time.Second, 503, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
			back := make(chan bool, 1)
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == "GET" {
					return
				}
				begin := time.Now()
				_, err := io.Copy(io.Discard, r.Body)
				check(t, "the blocked read returns", time.Since(begin), time.Second)
				if err == nil {
					t.Error("reading the body = nil, want an error")
				}
				if _, again := r.Body.Read(make([]byte, 1)); !detach {
					isErr(t, "the read", err, exitcode.ErrExited)
					isErr(t, "a later read", again, exitcode.ErrExited)
				} else if again == nil {
					t.Error("a later read = nil, want an error")
				}
				refusedWrites(t, w)
				back <- true
			}, configure)
			for _, b := range unreadBodies {
				s.refusesHeld(b)
				<-back
				s.recorded(503)
			}
			s.get("/").is(t, "the next request", 200, "") // its body has an end
		})
	}
}

// refusesHeld fails the test if a POST whose body is held back is not answered 503 after
// a second.
func (s *server) refusesHeld(b unreadBody) {
	s.t.Helper()
	r := b.request(s, "/")
	defer r.Body.Close()
	a := s.do(r)
	a.is(s.t, b.name, 503, "503 Service Unavailable\n")
	check(s.t, b.name+", after", a.whole, time.Second)
}

// A handler that reads on, without having been stuck in a read, does not get stuck then.
func TestX17_LateBodyRead(t *testing.T) {
	limited(t, time.Second, 503, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
		s := start(t, p, in, func(_ http.ResponseWriter, r *http.Request) {
			expires(t, r.Context(), time.Second, 503)
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				t.Error("reading the body = nil, want an error")
			}
		})
		for _, b := range unreadBodies {
			if b.read == "" {
				s.refusesHeld(b)
			}
		}
	})
}

// A copy whose source gives nothing has not begun the response.
func TestX17_StuckSource(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			pr, pw := io.Pipe()
			stop := context.AfterFunc(r.Context(), func() { pw.CloseWithError(context.Cause(r.Context())) })
			defer stop()
			_, err := io.Copy(w, pr)
			isErr(t, "Copy", err, exitcode.Code(504).Err())
		})
		a := s.get("/")
		a.is(t, "GET", 504, "504 Gateway Timeout\n")
		check(t, "after", a.whole, time.Second)
	})
}

// Handlers may panic at the moment when the time is up: the first ending decides.
func TestX17_PanicAtTheSameMoment(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/written" {
				io.WriteString(w, "part")
			}
			time.Sleep(time.Second)
			panic(http.ErrAbortHandler)
		})
		for range 20 {
			if a := s.get("/"); a.err == nil {
				a.is(t, "GET", 504, "504 Gateway Timeout\n")
			}
			if a := s.get("/written"); a.err == nil {
				t.Errorf("GET = %d, body %q, want an error", a.status, a.body)
			}
		}
		check(t, "log", s.Logs(), "")
	})
}

// For the race detector: everything that can end a request does so at one moment, and
// the client has one whole answer, or none.
func TestX17_StressRace(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
		outcomes := make(chan middleware.Outcome, 1)
		life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { outcomes <- o }})
		drains(t, life)
		s := start(t, p, func(h http.Handler) http.Handler { return life.Handler(in(h)) }, func(w http.ResponseWriter, r *http.Request) {
			var others sync.WaitGroup
			defer others.Wait()
			for _, end := range strings.Split(strings.Trim(r.URL.Path, "/"), "-") {
				f := map[string]func(){
					"exit":  func() { exitcode.Exit(r.Context(), 403) },
					"drop":  func() { exitcode.Exit(r.Context(), 444) },
					"bare":  func() { exitcode.Exit(r.Context(), 204) },
					"write": func() { io.WriteString(w, "whole") },
					"read":  func() { r.Body.Read(make([]byte, 1)) },
					"cause": func() { abort.Cause(r.Context()) },
				}[end]
				if f == nil {
					continue
				}
				others.Go(func() {
					time.Sleep(time.Second)
					f()
				})
			}
			time.Sleep(time.Second)
		}, attach)
		for _, path := range []string{"/", "/exit", "/drop", "/bare", "/write", "/write-exit", "/write-drop", "/read-exit", "/cause-bare-exit-drop-write"} {
			for range 20 {
				a := s.do(s.NewRequest("POST", path, nil)) // the client would send a GET again
				o := <-outcomes
				switch {
				case a.err == nil && a.status == 504:
					a.is(t, path, 504, "504 Gateway Timeout\n")
				case a.err == nil && a.status == 403:
					a.is(t, path, 403, "403 Forbidden\n")
				case a.err == nil && a.body != "" && a.body != "whole":
					t.Errorf("POST %s: %d, body %q, want \"whole\" or nothing", path, a.status, a.body)
				}
				if a.err == nil && o.Cut {
					t.Errorf("POST %s: %d, body %q, want an error: the Outcome says Cut", path, a.status, a.body)
				}
				if a.err == nil && a.status != o.Sent {
					t.Errorf("POST %s: status %d, the Outcome says %d", path, a.status, o.Sent)
				}
			}
		}
		check(t, "panics in the log", strings.Count(s.Logs(), "panic"), 0)
	})
}

// No time at all: the request may be over before its handler begins.
func TestX17_NoTime(t *testing.T) {
	limited(t, 1, 504, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			_ = w.Header()
			<-r.Context().Done()
			time.Sleep(time.Second)
			refusedWrites(t, w)
		}, attach)
		for range 50 {
			a := s.get("/")
			a.is(t, "GET", 504, "504 Gateway Timeout\n")
			if detach && a.whole > 1 {
				t.Errorf("GET: whole after %v, want 1ns", a.whole)
			}
		}
		check(t, "log", s.Logs(), "")
	})
}

// The Background has the handler that was given up, and counts it until it returns.
func TestX17_CountsAsDetached(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for path, whole := range map[string]bool{"/": true, "/part": false} {
			b := background(t)
			in := func(h http.Handler) http.Handler { return exitcode.Timeout(time.Second, 504)(b.Detach(h)) }
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/part" {
					sendsOut(t, w, "part")
				}
				time.Sleep(time.Minute)
			}, attach)
			a := s.get(path)
			check(t, path+": a whole response", a.err == nil, whole)
			check(t, path+": after", a.whole, time.Second)
			synctest.Wait()
			check(t, path+": Stats()", b.Stats(), eof.Stats{Detached: 1})
			time.Sleep(time.Minute)
			check(t, path+": Stats() at the end", b.Stats(), eof.Stats{Done: 1})
		}
	})
}
