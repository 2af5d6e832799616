package thirdparty_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// http.TimeoutHandler runs its handler on a goroutine of its own, keeps what
// that writes in memory, and does not wait for it.
func TestTimeoutHandler(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		begun, errs := make(chan struct{}, 1), make(chan error, 2)
		limit := func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Second, "too slow") }
		s := start(t, p, at, limit, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/hello":
				hello(w, r)
			case "/404":
				exits(404)(w, r)
			case "/444":
				exits(444)(w, r)
			case "/slow":
				begun <- struct{}{}
				<-r.Context().Done()
				time.Sleep(time.Millisecond) // TimeoutHandler hears of it at the same moment
				_, err := io.WriteString(w, "too late")
				errs <- r.Context().Err()
				errs <- err
			case "/send":
				hello(w, r)
				_ = eof.Send(r.Context())
				time.Sleep(time.Minute)
			}
		}))
		s.get("/hello").is(t, "/hello", 200, "hello")
		s.status(t, 200)
		s.get("/404").is(t, "/404", 404, "404 Not Found\n")
		s.status(t, 404)

		begin := time.Now()
		s.get("/slow").is(t, "/slow", 503, "too slow")
		<-begun
		if d := time.Since(begin); d != time.Second {
			t.Errorf("/slow: the answer came after %v, want 1s", d)
		}
		time.Sleep(time.Second)
		if err := take(t, errs, "Err"); err != context.DeadlineExceeded {
			t.Errorf("Err() = %v, want %v", err, context.DeadlineExceeded)
		}
		if err := take(t, errs, "Write"); !errors.Is(err, http.ErrHandlerTimeout) && !errors.Is(err, eof.ErrEnded) {
			t.Errorf("Write() = %v, want %v", err, http.ErrHandlerTimeout)
		}
		if o := take(t, s.ended, "OnEnd"); o.Abort != nil {
			t.Errorf("/slow: Outcome = %+v, want no abort", o)
		}

		call := s.Begin(s.NewRequest("GET", "/slow", nil))
		<-begun
		call.Cancel()
		time.Sleep(time.Second)
		if o := take(t, s.ended, "OnEnd"); o.Status != 499 || o.Abort == nil {
			t.Errorf("client leaves: Outcome = %+v, want 499 and the abort", o)
		}
		if err := take(t, errs, "Err"); err != context.Canceled {
			t.Errorf("client leaves: Err() = %v, want %v", err, context.Canceled)
		}
		if at.detach && !at.inside { // inside, what was written is TimeoutHandler's
			begin := time.Now()
			s.get("/send").is(t, "/send", 200, "hello")
			if d := time.Since(begin); d != 0 {
				t.Errorf("/send: the answer came after %v, want 0s", d)
			}
			s.status(t, 200)
		}
		s.get("/444").is(t, "/444", 0, "")
		s.status(t, 444)
	})
}

// proxy hands requests on to s.
func proxy(s *pipenet.Server) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "backend"}) },
		Transport:     s.Client.Transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
	}
}

func asItIs(next http.Handler) http.Handler { return next }

// A ReverseProxy is inside of lastbyte as its handler.
func TestReverseProxy_Inside(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		begun, left := make(chan struct{}), make(chan struct{})
		backend := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hello(w, r)
			switch r.URL.Path {
			case "/cut":
				_ = flush(w)
				panic(http.ErrAbortHandler)
			case "/wait":
				close(begun)
				<-r.Context().Done()
				close(left)
			}
		}))
		s := start(t, p, at, asItIs, proxy(backend))
		s.get("/").is(t, "answer", 200, "hello")
		s.status(t, 200)
		call := s.Begin(s.NewRequest("GET", "/wait", nil))
		<-begun
		call.Cancel()
		if o := take(t, s.ended, "OnEnd"); o.Status != 499 || o.Sent != 0 || o.Bytes != 0 || o.Abort == nil || o.Panicked || o.Cut {
			t.Errorf("client leaves: Outcome = %+v, want 499 and not the 502 of the proxy, no panic", o)
		}
		<-left
		if a := s.get("/cut"); a.status != 200 || a.body != "hello" || a.err == nil {
			t.Errorf("the backend is cut off: got %d %q, %v, want 200 hello and an error", a.status, a.body, a.err)
		}
		if o := take(t, s.ended, "OnEnd"); o.Status != 200 || o.Abort != nil || o.Panicked || !o.Cut {
			t.Errorf("the backend is cut off: Outcome = %+v, want 200, cut by the proxy, no abort, no panic", o)
		}
	})
}

// A ReverseProxy is outside of lastbyte as the server in front of it.
func TestReverseProxy_Outside(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, at place) {
		begun, called, resume := make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
		s := start(t, p, at, asItIs, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/404":
				exits(404)(w, r)
			case "/444":
				exits(444)(w, r)
			case "/wait":
				_ = abort.On(r.Context(), func(ctx context.Context) { called <- struct{}{}; exits(499)(nil, r.WithContext(ctx)) })
				close(begun)
				<-r.Context().Done()
			case "/send":
				hello(w, r)
				_ = eof.Send(r.Context())
				<-resume
			}
		}))
		front := &scene{Server: pipenet.Start(t, p, proxy(s.Server))}
		front.get("/404").is(t, "/404", 404, "404 Not Found\n")
		s.status(t, 404)
		call := front.Begin(front.NewRequest("GET", "/wait", nil))
		<-begun
		call.Cancel()
		take(t, called, "callback")
		if o := take(t, s.ended, "OnEnd"); o.Status != 499 || o.Abort == nil {
			t.Errorf("client of the proxy leaves: Outcome = %+v, want 499 and the abort", o)
		}
		if at.detach {
			front.get("/send").is(t, "/send", 200, "hello")
			s.status(t, 200)
		}
		close(resume)
		synctest.Wait()
		backendsOnly := front.get("/444") // the proxy may send it again on a new connection
		if backendsOnly.status != 502 {
			t.Errorf("/444: got %d, want the proxy's 502", backendsOnly.status)
		}
		s.status(t, 444)
	})
}

// A proxied protocol switch takes the connection from lastbyte, and gives both
// sides all of it.
func TestReverseProxy_Upgrade(t *testing.T) {
	for _, at := range places {
		synctest.Test(t, func(t *testing.T) {
			backend := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "Upgrade")
				w.Header().Set("Upgrade", "echo")
				w.WriteHeader(http.StatusSwitchingProtocols)
				conn, rw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Errorf("Hijack() = %v, want nil", err)
					return
				}
				defer conn.Close()
				line, _ := rw.ReadString('\n')
				_, _ = conn.Write([]byte(line))
			}))
			s := start(t, pipenet.HTTP1, at, asItIs, proxy(backend))
			c := s.Dial()
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			in := bufio.NewReader(c)
			res, err := http.ReadResponse(in, nil)
			if err != nil || res.StatusCode != 101 {
				t.Fatalf("%s: the switch gives %v, %v, want 101", at.name, res, err)
			}
			fmt.Fprint(c, "hello\n")
			if line, err := in.ReadString('\n'); line != "hello\n" {
				t.Errorf("%s: the echo is %q, %v, want hello", at.name, line, err)
			}
			c.Close()
			if o := take(t, s.ended, "OnEnd"); o.Status != 101 || !o.Hijacked {
				t.Errorf("%s: Outcome = %+v, want 101, hijacked", at.name, o)
			}
		})
	}
}
