package middleware_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// deserters return to net/http while the handler inside of them is at work, whose
// connection then serves another request. Each tells begun once it may return.
var deserters = []struct {
	name string
	wrap func(h http.Handler, begun <-chan struct{}, over chan<- any) http.Handler
}{
	{"TimeoutHandler", func(h http.Handler, _ <-chan struct{}, over chan<- any) http.Handler {
		return http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { over <- recover() }()
			h.ServeHTTP(w, r)
		}), time.Millisecond, "given up")
	}},
	{"goroutine", func(h http.Handler, begun <-chan struct{}, over chan<- any) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { desert(h, begun, over, w, r) })
	}},
	{"goroutine, hidden writer", func(h http.Handler, begun <-chan struct{}, over chan<- any) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			desert(h, begun, over, struct{ http.ResponseWriter }{w}, r)
		})
	}},
	{"goroutine, context that stays", func(h http.Handler, begun <-chan struct{}, over chan<- any) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			desert(h, begun, over, w, r.WithContext(context.WithoutCancel(r.Context())))
		})
	}},
	{"goroutine, context that stays, hidden writer", func(h http.Handler, begun <-chan struct{}, over chan<- any) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			desert(h, begun, over, struct{ http.ResponseWriter }{w}, r.WithContext(context.WithoutCancel(r.Context())))
		})
	}},
}

func desert(h http.Handler, begun <-chan struct{}, over chan<- any, w http.ResponseWriter, r *http.Request) {
	go func() {
		defer func() { over <- recover() }()
		h.ServeHTTP(w, r)
	}()
	<-begun
}

// lateActs are what the handler that was left behind does last.
var lateActs = []struct {
	name string
	cuts bool // the response, if it has not ended
	do   func(w http.ResponseWriter, r *http.Request)
}{
	{"return", false, func(http.ResponseWriter, *http.Request) {}},
	{"Exit(444)", true, func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 444) }},
	{"Exit(-1)", true, func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), exitcode.Error) }},
	{"Exit(503)", false, func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 503) }},
	{"Throw(413)", false, func(_ http.ResponseWriter, r *http.Request) { exitcode.Throw(r.Context(), 413) }},
	{"Exit(200)", false, func(_ http.ResponseWriter, r *http.Request) { exitcode.Exit(r.Context(), 200) }},
	{"Send", false, func(_ http.ResponseWriter, r *http.Request) { eof.Send(r.Context()) }},
	{"short Send", true, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		eof.Send(r.Context())
	}},
	{"On", false, func(_ http.ResponseWriter, r *http.Request) { abort.On(r.Context(), func(context.Context) {}) }},
}

// A request whose response is over, while its handler is not, does nothing to the
// connection: not a byte, no deadline and no reset comes to the next request.
func TestOvertaken_LateActs(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, m := range mounts {
			for _, d := range deserters {
				for _, a := range lateActs {
					t.Run(fmt.Sprint(m.name, " ", d.name, " ", a.name, map[bool]string{true: " TLS"}[secure]), func(t *testing.T) {
						t.Parallel()
						begun, next, over := make(chan struct{}), make(chan struct{}), make(chan any, 1)
						life := middleware.New(middleware.Options{})
						o := overtake(t, life, secure, d.wrap(m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							close(begun)
							<-next
							a.do(w, r)
						})), begun, over), m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							half := make([]byte, 5)
							io.ReadFull(r.Body, half)
							close(next)
							v := <-over
							// Where the time was up before the handler began, it has no lease, and nothing
							// says whether its response is out. One that is cut is then stopped by the
							// panic that http.TimeoutHandler recovers: it must not look complete.
							if over <- v; v != nil && !(a.cuts && d.name == "TimeoutHandler" && v == http.ErrAbortHandler) {
								t.Errorf("the handler that was left behind panics with %v, want no panic", v)
							}
							w.Write(half)
							rest, err := io.ReadAll(r.Body)
							if err != nil || r.Context().Err() != nil {
								t.Errorf("the next request's body = %v, context = %v; want nil", err, context.Cause(r.Context()))
							}
							w.Write(rest)
						})))
						o.next(t, over)
					})
				}
			}
		}
	}
}

// overtaking is a connection of a client.
type overtaking struct {
	net.Conn
	in *bufio.Reader
}

// overtake serves first at / and next at /next, and sends a request to the first.
func overtake(t *testing.T, life *middleware.Lifecycle, secure bool, first, next http.Handler) *overtaking {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/{$}", first)
	mux.Handle("/next", next)
	mux.HandleFunc("/last", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "last") })
	s := httptest.NewUnstartedServer(mux)
	life.Attach(s.Config)
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() { s.Close(); life.Shutdown(context.Background()) })
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	o := &overtaking{c, bufio.NewReader(c)}
	io.WriteString(o, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if res, err := http.ReadResponse(o.in, nil); err != nil {
		t.Fatalf("the first response = %v, want one", err)
	} else if _, err := io.Copy(io.Discard, res.Body); err != nil || res.Close {
		t.Fatalf("the first body = %v, closes: %t; want neither", err, res.Close)
	}
	return o
}

// next sends another request, half of whose body comes when the handler of the
// first is over, and a last one.
func (o *overtaking) next(t *testing.T, over chan any) {
	t.Helper()
	io.WriteString(o, "POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
	v := <-over
	io.WriteString(o, "world")
	over <- v
	for _, want := range []string{"helloworld", "last"} {
		if want == "last" {
			io.WriteString(o, "GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
		}
		res, err := http.ReadResponse(o.in, nil)
		if err != nil {
			t.Fatalf("response = %v, want %s", err, want)
		}
		if b, err := io.ReadAll(res.Body); err != nil || string(b) != want {
			t.Errorf("body = %q, %v, want %s", b, err, want)
		}
	}
}

// Nor does a late On take away from the next request who tells that its client
// left; and the client that has its response aborts nothing.
func TestOvertaken_LateOn(t *testing.T) {
	for _, m := range mounts {
		for _, d := range deserters {
			t.Run(m.name+" "+d.name, func(t *testing.T) {
				t.Parallel()
				begun, next, over := make(chan struct{}), make(chan struct{}), make(chan any, 1)
				told, late, end := make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
				life := middleware.New(middleware.Options{})
				registered := make(chan struct{})
				o := overtake(t, life, false, d.wrap(m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					close(begun)
					<-next
					abort.On(r.Context(), func(context.Context) { late <- struct{}{} })
					close(registered)
					<-end
				})), begun, over), m.wrap(life, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					abort.On(r.Context(), func(context.Context) { close(told) })
					close(next)
					<-told
				})))
				// The unread body keeps net/http from looking for the client's end.
				io.WriteString(o, "POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
				<-registered
				o.Close()
				select {
				case <-told:
				case <-time.After(10 * time.Second):
					t.Error("the next request is not told that its client left")
					close(told)
				}
				close(end)
				<-over
				if len(late) > 0 {
					t.Error("the callback of the first request runs, whose response is out")
				}
			})
		}
	}
}
