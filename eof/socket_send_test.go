package eof_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/eof"
	lifecycle "github.com/lastbyte-go/lastbyte/middleware"
)

// What comes after Send changes nothing, on a header map kept from before as
// well, which the handler writes to while the next requests run.
func TestE6_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		first, got := make(chan struct{}), make(chan map[string]error, 1)
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			kept := w.Header()
			kept.Set("X-Task", "7")
			io.WriteString(w, answer)
			if err := eof.Send(r.Context()); err != nil || r.URL.Path != "/" {
				return
			}
			_, write := io.WriteString(w, "late")
			errs := map[string]error{"Send": eof.Send(r.Context()), "Write": write, "Flush": http.NewResponseController(w).Flush()}
			w.WriteHeader(500)
			w.Header().Set("X-Late", "late")
			close(first)
			for {
				select {
				case <-l.answered:
					got <- errs
					return
				default:
					kept["X-Task"][0] = "late"
					kept.Set("X-Late", "late")
					runtime.Gosched()
				}
			}
		})
		s.drops = true
		for i, path := range []string{"/", "/next", "/next"} {
			r := s.get(t, path)
			r.want(t, 200, answer)
			if r.header.Get("X-Task") != "7" || r.header.Get("X-Late") != "" {
				t.Errorf("response %d: X-Task %q, X-Late %q; want 7, and none", i, r.header.Get("X-Task"), r.header.Get("X-Late"))
			}
			<-first
		}
		l.release()
		for call, err := range <-got {
			wantErr(t, call+" after Send", err, eof.ErrEnded)
		}
		s.wantConns(t, 1)
	})
}

// The outer deadline has passed when the handler sends: the Timeout finds a
// response.
func TestE7_OnSockets(t *testing.T) {
	timeout := middleware.Timeout(time.Millisecond)
	mounts := map[string]func(*lifecycle.Lifecycle, http.Handler) http.Handler{
		"Timeout between": func(life *lifecycle.Lifecycle, h http.Handler) http.Handler {
			return life.Handler(timeout(life.Detach(h)))
		},
		"Timeout outside": func(life *lifecycle.Lifecycle, h http.Handler) http.Handler { return timeout(life.Detach(h)) },
	}
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			onSockets(t, func(t *testing.T, l *link) {
				done := make(chan error, 5)
				life := lifecycle.New(lifecycle.Options{})
				s := l.serve(t, life, mount(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
					err := eof.Send(r.Context())
					<-l.answered
					done <- err
				})), func(srv *http.Server) { srv.ErrorLog.SetOutput(io.Discard) }) // the Timeout's WriteHeader is superfluous
				for range 2 {
					wantNothing(t, s.get(t, "/"))
				}
				s.wantConns(t, 1)
				if !l.h2 {
					w := s.exchange(t, "GET / HTTP/1.0\r\n\r\n")
					wantNothing(t, w.next(t, "GET"))
					w.wantEnd(t, l.cleanEnd())
					request := "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
					w = s.exchange(t, request+request)
					wantNothing(t, w.next(t, "GET"))
					wantNothing(t, w.next(t, "GET"))
				}
				l.release()
				for range map[bool]int{true: 2, false: 5}[l.h2] {
					wantErr(t, "Send", <-done, nil)
				}
			})
		})
	}
}

// wantNothing wants a 200 that says that it has no body.
func wantNothing(t *testing.T, r reply) {
	t.Helper()
	r.want(t, 200, "")
	if cl := r.header["Content-Length"]; len(cl) != 1 || cl[0] != "0" || len(r.res.TransferEncoding) > 0 {
		t.Errorf("Content-Length = %q, Transfer-Encoding %q; want 0 and none", cl, r.res.TransferEncoding)
	}
}

// Reads come when the connection has had another request.
func TestE14_OnSockets(t *testing.T) {
	t.Parallel()
	onSockets(t, func(t *testing.T, l *link) {
		type result struct {
			n   int
			err error
		}
		got := make(chan result, 2)
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			if r.URL.Path == "/read" {
				<-l.answered
				n, err := r.Body.Read(make([]byte, 10))
				got <- result{n, err}
			}
		})
		for _, size := range []int{5, 1 << 20} {
			for _, path := range []string{"/read", "/"} {
				res, err := s.client.Post(s.URL+path, "text/plain", strings.NewReader(strings.Repeat("x", size)))
				read(t, res, err).want(t, 200, "")
			}
		}
		l.release()
		for range 2 {
			r := <-got
			if r.n != 0 {
				t.Errorf("Read after Send = %d bytes, want none", r.n)
			}
			wantErr(t, "Read after Send", r.err, eof.ErrEnded)
			wantErr(t, "Read after Send", r.err, http.ErrBodyReadAfterClose)
		}
	})
}

// What comes of the body when the response has ended is no request.
func TestE14_OnSocketsStray(t *testing.T) {
	t.Parallel()
	onSockets(t, func(t *testing.T, l *link) {
		if l.h2 {
			t.Skip("bodies have frames")
		}
		var asked book
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			asked.add(r.URL.Path)
			eof.Send(r.Context())
			<-l.answered
		})
		w := s.exchange(t, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello")
		w.next(t, "POST").want(t, 200, "")
		io.WriteString(w.Conn, stray)
		if rest, end := w.end(); len(rest) > 0 || asked.String() != "/" {
			t.Errorf("after the answer: %q, %s, requests %q; want the end, and one request", rest, end, asked.String())
		}
	})
}

func TestE18_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		sent := make(chan error, 1)
		life := lifecycle.New(lifecycle.Options{})
		var said book
		h := life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "one ")
			sent <- eof.Send(r.Context())
			io.WriteString(w, "two")
		}))
		s := l.serve(t, life, h, func(srv *http.Server) { srv.ErrorLog.SetOutput(&said) })
		s.get(t, "/").want(t, 200, "one two")
		wantErr(t, "Send without Detach", <-sent, eof.ErrNotDetached)
		if got := said.String(); strings.Count(got, eof.ErrNotDetached.Error()) != 1 {
			t.Errorf("logged %q, want %q once", got, eof.ErrNotDetached)
		}
	})
}
