package eof_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// worker answers, sends, and keeps running for a second, after which it reports to
// the channel. With the query "read" it reads the request body first, with
// "flush" it flushes before it sends.
func worker(done chan<- error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "read" {
			io.Copy(io.Discard, r.Body)
		}
		io.WriteString(w, answer)
		if r.URL.RawQuery == "flush" {
			http.NewResponseController(w).Flush()
		}
		err := eof.Send(r.Context())
		time.Sleep(time.Second)
		if err == nil {
			err = r.Context().Err()
		}
		done <- err
	}
}

func TestE1_WholeAnswerAtOnce(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		name, path string
		body       func() io.Reader
	}{
		{"no body", "/", func() io.Reader { return nil }},
		{"body read", "/?read", func() io.Reader { return strings.NewReader("hello") }},
		{"body unread", "/", func() io.Reader { return strings.NewReader("hello") }},
		{"body read, 1 MB", "/?read", func() io.Reader { return strings.NewReader(big) }},
		{"body read, chunked", "/?read", func() io.Reader { return io.MultiReader(strings.NewReader(big)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				done := make(chan error, 1)
				s := serve(t, p, background(t, eof.Options{}).Detach, worker(done))
				start := time.Now()
				r := do(t, s, s.NewRequest("POST", c.path, c.body()))
				at(t, "the whole answer", start, 0)
				r.want(t, 200, answer)
				if r.length != int64(len(answer)) {
					t.Errorf("Content-Length = %d, want %d", r.length, len(answer))
				}
				wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
				at(t, "the handler's end", start, time.Second)
			})
		})
	}
}

func TestE2_NextRequestAtOnce(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		const n = 12
		done := make(chan error, n)
		s := serve(t, p, background(t, eof.Options{}).Detach, worker(done))
		start := time.Now()
		for i := range n {
			path := []string{"/", "/?read", "/?flush"}[i%3]
			do(t, s, s.NewRequest("POST", path, strings.NewReader("hello"))).want(t, 200, answer)
			at(t, fmt.Sprintf("answer %d", i), start, 0)
			synctest.Wait() // the client has its connection back
		}
		if got := len(s.Conns()); got != 1 {
			t.Errorf("%d requests took %d connections, want 1", n, got)
		}
		for range n {
			wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
		}
		at(t, "the end of all handlers", start, time.Second)
	})
}

// Two requests in one write: the second is served when the first is sent.
func TestE2_Pipelined(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := serve(t, pipenet.HTTP1, background(t, eof.Options{}).Detach, worker(make(chan error, 2)))
		const request = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
		start := time.Now()
		r, rest := raw(t, s, request+request)
		r.want(t, 200, answer)
		res, err := http.ReadResponse(rest, nil)
		read(t, res, err).want(t, 200, answer)
		at(t, "both answers", start, 0)
	})
}

func TestE3_ConnectionClosedAtOnce(t *testing.T) {
	for _, c := range []struct{ name, request string }{
		{"Connection close", "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"},
		{"HTTP/1.0 with a body unread", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				done := make(chan error, 1)
				s := serve(t, pipenet.HTTP1, background(t, eof.Options{}).Detach, worker(done))
				start := time.Now()
				r, rest := raw(t, s, c.request)
				r.want(t, 200, answer)
				if b, err := io.ReadAll(rest); len(b) > 0 || err != nil {
					t.Errorf("after the answer: %q, %v, want the close", b, err)
				}
				at(t, "the close", start, 0)
				wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
			})
		})
	}
}

// A body of unknown length ends with the connection on HTTP/1.0.
func TestE3_HTTP10Streamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := serve(t, pipenet.HTTP1, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "one ")
			http.NewResponseController(w).Flush()
			io.WriteString(w, "two")
			eof.Send(r.Context())
			time.Sleep(time.Second)
		})
		start := time.Now()
		r, _ := raw(t, s, "GET / HTTP/1.0\r\n\r\n")
		r.want(t, 200, "one two")
		at(t, "the whole answer", start, 0)
		if r.length != -1 {
			t.Errorf("Content-Length = %d, want none", r.length)
		}
	})
}

func TestE3_HTTP10KeepAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := serve(t, pipenet.HTTP1, background(t, eof.Options{}).Detach, worker(make(chan error, 2)))
		const request = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
		start := time.Now()
		r, rest := raw(t, s, request+request)
		r.want(t, 200, answer)
		res, err := http.ReadResponse(rest, nil)
		read(t, res, err).want(t, 200, answer)
		at(t, "both answers", start, 0)
	})
}

// With room for one stream per connection, a second request tells whether the
// first stream is done.
func TestE4_StreamDoneAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		done := make(chan error, 2)
		h := background(t, eof.Options{}).Detach(worker(done))
		s := pipenet.Start(t, pipenet.HTTP2, h, func(srv *http.Server) {
			srv.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1}
		})
		start := time.Now()
		for range 2 {
			get(t, s, "/").want(t, 200, answer)
			synctest.Wait() // the client has the connection in its pool
			at(t, "END_STREAM", start, 0)
		}
		if n := len(s.Conns()); n != 1 {
			t.Errorf("2 requests took %d connections, want 1", n)
		}
		for range 2 {
			wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
		}
	})
}

func TestE7_SendBeforeAnyWrite(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Task", "7")
			eof.Send(r.Context())
			time.Sleep(time.Second)
		})
		start := time.Now()
		r := get(t, s, "/")
		at(t, "the answer", start, 0)
		r.want(t, 200, "")
		if cl := r.header.Get("Content-Length"); cl != "0" || len(r.res.TransferEncoding) > 0 {
			t.Errorf("Content-Length = %q, Transfer-Encoding %q, want 0 and none", cl, r.res.TransferEncoding)
		}
		if got := r.header.Get("X-Task"); got != "7" {
			t.Errorf("X-Task = %q, want 7", got)
		}
	})
}
