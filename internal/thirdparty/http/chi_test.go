package thirdparty_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

func TestRecoverer(t *testing.T) {
	quietly := func(next http.Handler) http.Handler { // the stack goes to the log entry
		return chimiddleware.RequestLogger(chiLog(make(chan note, 1)))(chimiddleware.Recoverer(next))
	}
	for _, c := range []struct {
		name    string
		do      func(r *http.Request)
		status  int
		body    string
		outcome int
	}{
		{"panic", func(*http.Request) { panic("on purpose") }, 500, "", 500},
		{"http.ErrAbortHandler", func(*http.Request) { panic(http.ErrAbortHandler) }, 0, "", 0},
		{"Throw 403", func(r *http.Request) { exitcode.Throw(r.Context(), 403) }, 403, "403 Forbidden\n", 403},
		{"Throw 444", func(r *http.Request) { exitcode.Throw(r.Context(), 444) }, 0, "", 444},
		{"Exit, then panic", func(r *http.Request) { _ = exitcode.Exit(r.Context(), 403); panic("on purpose") }, 403, "403 Forbidden\n", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, at place) {
				s := start(t, p, at, quietly, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { c.do(r) }))
				s.get("/").is(t, "answer", c.status, c.body)
				s.status(t, c.outcome)
			})
		})
	}
}

func TestCompress(t *testing.T) {
	text := strings.Repeat("hello, world\n", 10000)
	for _, c := range []struct {
		name   string
		do     func(w http.ResponseWriter, r *http.Request)
		sends  bool
		status int
		body   string
		zipped [2]bool // outside, inside
	}{
		{"answer", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text) }, false, 200, text, [2]bool{true, true}},
		{"flushed", func(w http.ResponseWriter, r *http.Request) {
			for _, line := range strings.SplitAfter(text, "\n") {
				_, _ = io.WriteString(w, line)
				_ = flush(w)
			}
		}, false, 200, text, [2]bool{true, true}},
		{"Exit 404", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "of the handler")
			_ = exitcode.Exit(r.Context(), 404)
		}, false, 404, "404 Not Found\n", [2]bool{true, false}},
		{"Exit 444", func(w http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 444) }, false, 0, "", [2]bool{}},
		{"Send", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, text)
			_ = eof.Send(r.Context())
			_, _ = io.WriteString(w, "too late")
		}, true, 200, text, [2]bool{true, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, p pipenet.Proto, at place) {
				if c.sends && (at.inside || !at.detach) {
					return // a compressor inside of Detach holds back what Send cannot know
				}
				s := start(t, p, at, chimiddleware.Compress(5), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/plain")
					c.do(w, r)
				}))
				r := s.NewRequest("GET", "/", nil)
				r.Header.Set("Accept-Encoding", "gzip")
				a := read(s.Do(r))
				zipped := a.header.Get("Content-Encoding") == "gzip"
				if zipped {
					z, err := gzip.NewReader(strings.NewReader(a.body))
					if err != nil {
						t.Fatalf("gzip.NewReader(the body) = %v, want nil", err)
					}
					b, err := io.ReadAll(z)
					a.body, a.err = string(b), err
				}
				a.is(t, "answer", c.status, c.body)
				if want := c.zipped[map[bool]int{true: 1}[at.inside]]; zipped != want {
					t.Errorf("the answer is compressed: %t, want %t", zipped, want)
				}
			})
		})
	}
}

// A place in Throttle is free when its request has ended, however that was, and
// outside of Detach when the response has.
func TestThrottle(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		begun, resume := make(chan struct{}, 1), make(chan struct{})
		s := start(t, p, at, chimiddleware.ThrottleBacklog(1, 0, time.Second), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/drop":
				_ = exitcode.Exit(r.Context(), 444)
			case "/exit":
				_ = exitcode.Exit(r.Context(), 418)
			case "/wait":
				begun <- struct{}{}
				<-r.Context().Done()
			case "/send":
				hello(w, r)
				_ = eof.Send(r.Context())
				<-resume
			default:
				hello(w, r)
			}
		}))
		s.get("/drop").is(t, "/drop", 0, "")
		synctest.Wait() // the client knows before the throttle does
		s.get("/exit").is(t, "/exit", 418, "418 I'm a teapot\n")
		synctest.Wait()
		call := s.Begin(s.NewRequest("GET", "/wait", nil))
		<-begun
		if a := s.get("/"); a.status != http.StatusTooManyRequests {
			t.Errorf("beside a request: got %d, want 429", a.status)
		}
		call.Cancel()
		synctest.Wait()
		s.get("/").is(t, "after a client that left", 200, "hello")
		if at.detach {
			s.get("/send").is(t, "/send", 200, "hello")
			if a := s.get("/"); (a.status == 200) != !at.inside {
				t.Errorf("beside a handler after Send: got %d, want 200 outside of Detach alone", a.status)
			}
			close(resume)
			synctest.Wait()
			s.get("/").is(t, "after the handler", 200, "hello")
		}
	})
}

func TestTimeout(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		errs := make(chan error, 1)
		s := start(t, p, at, chimiddleware.Timeout(time.Second), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/slow":
				<-r.Context().Done()
				errs <- r.Context().Err()
			case "/exit":
				<-r.Context().Done()
				_ = exitcode.Exit(r.Context(), 503)
			case "/send":
				hello(w, r)
				_ = eof.Send(r.Context())
				time.Sleep(time.Minute)
				errs <- r.Context().Err()
			}
		}))
		begin := time.Now()
		if a := s.get("/slow"); a.status != 504 || time.Since(begin) != time.Second {
			t.Errorf("/slow: got %d after %v, want 504 after 1s", a.status, time.Since(begin))
		}
		if err := take(t, errs, "Err of the context"); err != context.DeadlineExceeded {
			t.Errorf("Err() = %v, want %v", err, context.DeadlineExceeded)
		}
		if o := take(t, s.ended, "OnEnd"); o.Abort != nil || at.inside && o.Status != 504 {
			t.Errorf("Outcome = %+v, want no abort, and 504 if that is written inside", o)
		}
		s.get("/exit").is(t, "/exit", 503, "503 Service Unavailable\n")
		s.status(t, 503)
		if at.detach {
			s.get("/send").is(t, "/send", 200, "hello")
			s.status(t, 200)
			want := map[bool]error{true: context.DeadlineExceeded}[at.inside] // a context made inside is not lastbyte's
			time.Sleep(time.Minute)
			if err := take(t, errs, "Err of the context after Send"); err != want {
				t.Errorf("Err() = %v, want %v", err, want)
			}
		}
	})
}

// The id of chi's RequestID is known wherever the request is.
func TestRequestID(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		ids, left := make(chan string, 8), make(chan struct{})
		id := func(ctx context.Context) { ids <- chimiddleware.GetReqID(ctx) }
		s := start(t, p, at, chimiddleware.RequestID, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			id(ctx)
			_ = abort.On(ctx, id)
			_ = eof.Defer(ctx, id)
			_, _ = thread.Spawn(ctx, func(ctx context.Context) error { id(ctx); return nil })
			close(left)
			time.Sleep(time.Second)
		}))
		r := s.NewRequest("GET", "/", nil)
		r.Header.Set("X-Request-Id", "seven")
		call := s.Begin(r)
		<-left
		call.Cancel()
		time.Sleep(time.Minute)
		for _, who := range []string{"handler", "thread", "callback", "task"} {
			if got := take(t, ids, who); got != "seven" {
				t.Errorf("one of the ids = %q, want seven", got)
			}
		}
	})
}

// The log line has the id where RequestID is outside.
func TestRequestID_LogLine(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var log bytes.Buffer
		life := middleware.New(middleware.Options{Logger: zerolog.New(&log)})
		s := pipenet.Start(t, p, chimiddleware.RequestID(life.Handler(http.HandlerFunc(hello))))
		r := s.NewRequest("GET", "/", nil)
		r.Header.Set("X-Request-Id", "seven")
		read(s.Do(r)).is(t, "answer", 200, "hello")
		synctest.Wait()
		if !strings.Contains(log.String(), `"request_id":"seven"`) {
			t.Errorf("log line = %s, want request_id seven", log.String())
		}
	})
}

// StripSlashes changes the route that chi looks up: outside, by chi's context,
// and inside, where lastbyte has handed a copy down.
func TestStripSlashes(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		mux := chi.NewRouter()
		life := middleware.New(middleware.Options{})
		t.Cleanup(func() { _ = life.Shutdown(context.Background()) })
		ours := life.Handler
		if at.detach {
			ours = life.Detach
		}
		if at.inside {
			mux.Use(ours, chimiddleware.StripSlashes)
		} else {
			mux.Use(chimiddleware.StripSlashes, ours)
		}
		mux.Get("/things/{id}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, chi.URLParam(r, "id")) })
		s := &scene{Server: pipenet.Start(t, p, mux)}
		s.get("/things/7/").is(t, "/things/7/", 200, "7")
		s.get("/things/7").is(t, "/things/7", 200, "7")
	})
}
