package exitcode_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// No header is out: the client has the exit's response, under Detach at once, and else
// when the handler returns.
func TestX17_BeforeHeader(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
		back := make(chan bool, 1)
		s := start(t, p, func(h http.Handler) http.Handler { return outside(in(h)) }, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusEarlyHints) // is no header
			at, ok := r.Context().Deadline()
			check(t, "a Deadline", ok, !detach)
			if ok {
				check(t, "until the Deadline", time.Until(at), time.Second)
			}
			child, cancel := context.WithTimeout(r.Context(), time.Minute)
			defer cancel()
			expires(t, r.Context(), time.Second, 504)
			check(t, "Err of a child", child.Err(), context.DeadlineExceeded)
			check(t, "its Cause", context.Cause(child), context.Cause(r.Context()))
			if r.Method == "GET" {
				time.Sleep(time.Minute)
			}
			refusedWrites(t, w)
			back <- true
		})
		for _, method := range []string{"GET", "HEAD", "GET"} {
			want, whole := "504 Gateway Timeout\n", time.Second
			if method == "HEAD" {
				want = ""
			} else if !detach {
				whole += time.Minute
			}
			a := s.do(s.NewRequest(method, "/", nil))
			a.is(t, method, 504, want)
			check(t, "whole after", a.whole, whole)
			check(t, "header Outside", a.header.Get("Outside"), "yes")
			s.recorded(504)
			<-back
		}
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// A code that drops: not one byte, at once.
func TestX17_CodeThatDrops(t *testing.T) {
	for _, code := range []exitcode.Code{444, 499, 408, -1} {
		limited(t, time.Second, code, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
				expires(t, r.Context(), time.Second, code)
				time.Sleep(time.Hour)
				refusedWrites(t, w)
			}, attach)
			s.nothingUntil("/", time.Second)
			s.recorded(max(0, int(code)))
			check(t, "log", s.Logs(), "")
		})
	}
}

// The header is out: the response is cut at that moment, also if the handler has said
// the code of the Timeout, and if nothing but the end is missing.
func TestX17_AfterHeaderCuts(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
		outcomes := make(chan middleware.Outcome, 1)
		life := middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { outcomes <- o }})
		drains(t, life)
		s := start(t, p, func(h http.Handler) http.Handler { return life.Handler(in(h)) }, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/length") {
				w.Header().Set("Content-Length", "100")
			}
			if r.URL.Path == "/504" {
				w.WriteHeader(504)
			}
			sendsOut(t, w, "part")
			expires(t, r.Context(), time.Second, 504)
			time.Sleep(time.Hour)
			refusedWrites(t, w)
		}, attach)
		s.cutOff("/", "part", time.Second)
		o := <-outcomes
		check(t, "Cut", o.Cut, true)
		check(t, "Panicked", o.Panicked, false)
		check(t, "Exit", o.Exit, 504)
		check(t, "Status", o.Status, 200)
		check(t, "Sent", o.Sent, 200)
		for _, path := range []string{"/504", "/length"} {
			a := s.get(path)
			if a.err == nil || a.body != "part" {
				t.Errorf("GET %s: body %q, error %v, want \"part\" and an error", path, a.body, a.err)
			}
			check(t, path+", cut after", a.whole, time.Second)
			check(t, "Cut", (<-outcomes).Cut, true)
		}
		check(t, "log", s.Logs(), "")
	})
}

// The same without the connection: nothing that follows makes the response whole.
func TestX17_AfterHeaderWithoutConnContext(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			sendsOut(t, w, "part")
			if r.URL.Path == "/write" {
				_, err := io.WriteString(w, "lost")
				isErr(t, "Write", err, nil)
			}
			expires(t, r.Context(), time.Second, 504)
		})
		s.cutOff("/", "part", time.Second)
		s.cutOff("/write", "part", time.Second)
	})
}

// The innermost Timeout counts, from the request's start.
func TestX17_Nested(t *testing.T) {
	for _, test := range []struct {
		name         string
		outer, inner time.Duration
		want         time.Duration // 0: never
	}{
		{"shorter inside", time.Hour, 3 * time.Second, 3 * time.Second},
		{"longer inside", 3 * time.Second, time.Hour, time.Hour},
		{"lifted", 3 * time.Second, 0, 0},
		{"lifted outside alone", 0, 3 * time.Second, 3 * time.Second},
		{"over already", time.Hour, time.Second, 2 * time.Second},
	} {
		between := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(2 * time.Second)
				next.ServeHTTP(w, r)
			})
		}
		t.Run(test.name, func(t *testing.T) {
			limited(t, test.inner, 504, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
				outer := exitcode.Timeout(test.outer, 503)
				s := start(t, p, func(h http.Handler) http.Handler { return outer(between(in(h))) }, func(w http.ResponseWriter, r *http.Request) {
					at, ok := r.Context().Deadline()
					check(t, "a Deadline", ok, !detach && test.want > 0)
					if ok {
						check(t, "until the Deadline", time.Until(at), test.inner-2*time.Second)
					}
					if test.want > 0 {
						expires(t, r.Context(), test.want-2*time.Second, 504)
						return
					}
					time.Sleep(24 * time.Hour)
					isErr(t, "Err", r.Context().Err(), nil)
					io.WriteString(w, "whole")
				})
				a := s.get("/")
				if test.want == 0 {
					a.is(t, "GET", 200, "whole")
				} else {
					a.is(t, "GET", 504, "504 Gateway Timeout\n")
					check(t, "after", a.whole, test.want)
				}
				check(t, "log", s.Logs(), "")
			})
		})
	}
}

// Two directly in one another are one middleware, of which the inner one counts.
func TestX17_NestedDirectly(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for inner, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Hour: time.Hour, 0: 0} {
			in := func(h http.Handler) http.Handler {
				return exitcode.Timeout(time.Minute, 503)(exitcode.Timeout(inner, 504)(h))
			}
			s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
				if want > 0 {
					expires(t, r.Context(), want, 504)
				} else {
					time.Sleep(2 * time.Hour)
					check(t, "Err", r.Context().Err(), nil)
				}
			})
			if a := s.get("/"); want > 0 {
				a.is(t, "GET", 504, "504 Gateway Timeout\n")
			} else {
				a.is(t, "GET", 200, "")
			}
		}
	})
}

// Threads are not waited for with the answer, once the handler has returned.
func TestX17_ThreadsAreNotWaitedFor(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, detach bool) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			_, err := thread.Spawn(r.Context(), func(ctx context.Context) error {
				expires(t, ctx, time.Second, 504)
				time.Sleep(time.Hour)
				return nil
			})
			isErr(t, "Spawn", err, nil)
		})
		a := s.get("/")
		a.is(t, "GET", 504, "504 Gateway Timeout\n")
		check(t, "header after", a.after, time.Second)
		if detach || p == pipenet.HTTP1 { // else net/http ends the stream when ServeHTTP returns
			check(t, "whole after", a.whole, time.Second)
		}
	})
}

// A request that ends in time does not feel it, and neither does the next one of the
// connection.
func TestX17_InTime(t *testing.T) {
	limited(t, time.Second, 504, func(t *testing.T, p pipenet.Proto, in wrap, _ bool) {
		s := start(t, p, in, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(700 * time.Millisecond)
			check(t, "Err", r.Context().Err(), nil)
			fmt.Fprint(w, "whole")
			if r.URL.Path == "/flush" {
				sendsOut(t, w, "")
			}
			time.Sleep(time.Second - 700*time.Millisecond - 1)
		})
		for _, path := range []string{"/", "/flush", "/", "/"} {
			a := s.get(path)
			a.is(t, path, 200, "whole")
			check(t, "whole after", a.whole, time.Second-1)
			s.recorded(200)
		}
		s.same()
		check(t, "log", s.Logs(), "")
	})
}

// A Timeout that makes no sense is found out where it is made.
func TestX17_BadInput(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		d    time.Duration
		code exitcode.Code
		want string // "": no panic
	}{
		{-1, 504, "exitcode.Timeout: negative duration, got -1ns"},
		{time.Second, 399, "got 399"},
		{time.Second, 200, "got 200"},
		{time.Second, 0, "got 0"},
		{time.Second, -2, "got -2"},
		{time.Second, 1000, "got 1000"},
		{0, 302, "got 302"},
		{0, 504, ""},
		{time.Second, -1, ""},
		{time.Second, 400, ""},
		{time.Second, 999, ""},
	} {
		func() {
			defer func() {
				got, _ := recover().(string)
				if !strings.HasPrefix(got, "exitcode.Timeout: ") && test.want != "" || !strings.HasSuffix(got, test.want) {
					t.Errorf("Timeout(%v, %d): panic %q, want %q", test.d, int(test.code), got, test.want)
				}
			}()
			exitcode.Timeout(test.d, test.code)
		}()
	}
}
