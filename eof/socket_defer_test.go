package eof_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// meter counts the bytes that a server hands to its sockets.
type meter struct {
	net.Listener
	written *atomic.Int64
}

type meterConn struct {
	*net.TCPConn
	written *atomic.Int64
}

func (m meter) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return meterConn{c.(*net.TCPConn), m.written}, nil
}

func (c meterConn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// A task begins when the server has written all that the client will have read
// at the end of the response.
func TestB1_OnSockets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, request string
		body          string
		send          bool
	}{
		{"small", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, false},
		{"small, Send", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, true},
		{"8 MB", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", strings.Repeat("x", 8<<20), false},
		{"8 MB, Send", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", strings.Repeat("x", 8<<20), true},
		{"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer, false},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", answer, false},
		{"HTTP/1.0, Send", "GET / HTTP/1.0\r\n\r\n", answer, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			onSockets(t, func(t *testing.T, l *link) {
				if l.h2 {
					t.Skip("see TestB1_OnSocketsOrder")
				}
				written, began := new(atomic.Int64), make(chan int64, 1)
				life := middleware.New(middleware.Options{})
				h := life.Handler(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					eof.Defer(r.Context(), func(context.Context) { began <- written.Load() })
					io.WriteString(w, c.body)
					if c.send {
						eof.Send(r.Context())
						<-l.answered
					}
				})))
				s := l.serveOn(t, life, h, func(s *httptest.Server) { s.Listener = meter{s.Listener, written} })
				w := s.exchange(t, c.request)
				w.next(t, "GET").want(t, 200, c.body)
				if !strings.HasSuffix(c.request, "a\r\n\r\n") {
					w.wantEnd(t, l.cleanEnd())
				}
				if got, want := <-began, int64(w.tap.seen.Len()); got != want {
					t.Errorf("the task begins when %d bytes are written, the client has read %d", got, want)
				}
			})
		})
	}
}

func TestB1_OnSocketsOrder(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		life := middleware.New(middleware.Options{})
		var order book
		ran := make(chan struct{}, 2)
		inner := life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			eof.Defer(r.Context(), func(context.Context) { order.add("task"); ran <- struct{}{} })
			io.WriteString(w, answer)
			order.add("handler")
			if r.URL.Path == "/send" {
				eof.Send(r.Context())
				<-l.answered
			}
		}))
		s := l.serve(t, life, life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(w, r)
			order.add("middleware")
		})))
		for _, path := range []string{"/", "/send"} {
			s.get(t, path).want(t, 200, answer)
			<-ran
		}
		if got, want := order.String(), "handler middleware task handler middleware task"; got != want {
			t.Errorf("order = %q, want %q", got, want)
		}
	})
}
