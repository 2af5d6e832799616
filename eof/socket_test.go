package eof_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// onSockets runs body with a server on 127.0.0.1, for HTTP/1 and for HTTP/2.
// The handlers of these tests wait for the client, never for time.
func onSockets(t *testing.T, f http.HandlerFunc, body func(t *testing.T, s *httptest.Server, c *http.Client)) {
	t.Helper()
	for _, h2 := range []bool{false, true} {
		name := map[bool]string{false: "h1", true: "h2"}[h2]
		t.Run(name, func(t *testing.T) {
			life := middleware.New(middleware.Options{})
			s := httptest.NewUnstartedServer(life.Detach(f))
			var p http.Protocols
			p.SetHTTP1(!h2)
			p.SetUnencryptedHTTP2(h2)
			s.Config.Protocols = &p
			var logs book
			s.Config.ErrorLog = log.New(&logs, "", 0)
			life.Attach(s.Config)
			s.Start()
			c := &http.Client{Transport: &http.Transport{Protocols: &p}, Timeout: time.Minute}
			t.Cleanup(func() {
				c.CloseIdleConnections()
				s.Close()
				shutdown(t, life)
				if logs.String() != "" {
					t.Errorf("the server logged %q, want nothing", logs.String())
				}
			})
			body(t, s, c)
		})
	}
}

// The handler works on until the client has had its answers.
func TestE1_OnSockets(t *testing.T) {
	answered, done := make(chan struct{}), make(chan error, 4)
	onSockets(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			io.Copy(io.Discard, r.Body)
		}
		io.WriteString(w, answer)
		err := eof.Send(r.Context())
		<-answered
		done <- errors.Join(err, r.Context().Err())
	}, func(t *testing.T, s *httptest.Server, c *http.Client) {
		answered = make(chan struct{})
		for path, body := range map[string]string{"/": "", "/read": "hello", "/small": "hello", "/large": strings.Repeat("x", 8<<20)} {
			res, err := c.Post(s.URL+path, "text/plain", strings.NewReader(body))
			read(t, res, err).want(t, 200, answer)
		}
		close(answered)
		for range 4 {
			wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
		}
	})
}

// Requests one after the other while all their handlers work on, each with a
// header map that it keeps writing to.
func TestE2_OnSockets(t *testing.T) {
	const n = 16
	var answered, remote = make(chan struct{}), make(chan string, n)
	onSockets(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Trailer", "X-Sum")
		io.WriteString(w, answer)
		h.Set("X-Sum", "sum")
		eof.Send(r.Context())
		remote <- r.RemoteAddr
		for i := 0; ; i++ {
			select {
			case <-answered:
				return
			default:
				h.Set("X-Sum", strings.Repeat("x", i%10))
				runtime.Gosched()
			}
		}
	}, func(t *testing.T, s *httptest.Server, c *http.Client) {
		answered = make(chan struct{})
		conns := make(map[string]bool)
		for range n {
			res, err := c.Get(s.URL)
			r := read(t, res, err)
			r.want(t, 200, answer)
			if got := r.res.Trailer.Get("X-Sum"); got != "sum" {
				t.Errorf("trailer X-Sum = %q, want sum", got)
			}
			conns[<-remote] = true
		}
		close(answered)
		if len(conns) != 1 {
			t.Errorf("%d requests took %d connections, want 1", n, len(conns))
		}
	})
}

func TestE3_OnSockets(t *testing.T) {
	for _, request := range []string{
		"GET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	} {
		answered := make(chan struct{})
		b := eof.New(eof.Options{})
		s := httptest.NewServer(b.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			eof.Send(r.Context())
			<-answered
		})))
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatalf("Dial = %v", err)
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(c, request)
		br := bufio.NewReader(c)
		res, err := http.ReadResponse(br, nil)
		read(t, res, err).want(t, 200, answer)
		if rest, err := io.ReadAll(br); len(rest) > 0 || err != nil {
			t.Errorf("%.15q: after the answer: %q, %v, want the close", request, rest, err)
		}
		close(answered)
		c.Close()
		s.Close()
		shutdown(t, b)
	}
}

// The client reads the first bytes, hears that all is sent, and then the rest.
func TestE5_OnSockets(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcde\n"), 8<<20/16)
	answered, done := make(chan struct{}), make(chan error, 1)
	onSockets(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, bytes.NewReader(body))
		err := eof.Send(r.Context())
		<-answered
		done <- errors.Join(err, r.Context().Err())
	}, func(t *testing.T, s *httptest.Server, c *http.Client) {
		answered = make(chan struct{})
		res, err := c.Get(s.URL)
		if err != nil {
			t.Fatalf("Get = %v, want a response", err)
		}
		defer res.Body.Close()
		sum := sha256.New()
		n, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{res.Body}, make([]byte, 1000))
		close(answered)
		if n != int64(len(body)) || err != nil || !bytes.Equal(sum.Sum(nil), sha256Of(body)) {
			t.Errorf("the client reads %d bytes, %v; want the %d that were written", n, err, len(body))
		}
		wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
	})
}

func sha256Of(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}
