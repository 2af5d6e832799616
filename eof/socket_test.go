package eof_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
)

// The handler keeps running until the client has had its answers.
func TestE1_OnSockets(t *testing.T) {
	t.Parallel()
	onSockets(t, func(t *testing.T, l *link) {
		const tries = 10
		done := make(chan error, 4+tries)
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/read" {
				io.Copy(io.Discard, r.Body)
			}
			io.WriteString(w, answer)
			err := eof.Send(r.Context())
			<-l.answered
			done <- errors.Join(err, r.Context().Err())
		})
		for path, body := range map[string]string{"/": "", "/read": "hello", "/small": "hello", "/large": strings.Repeat("x", 8<<20)} {
			res, err := s.client.Post(s.URL+path, "text/plain", strings.NewReader(body))
			// On HTTP/1 net/http closes the connection half a second after the response to a
			// body that it does not read to its end: a client on a busy machine may not have
			// read the response when its write fails.
			for n := 0; err != nil && path == "/large" && !l.h2 && n < tries; n++ {
				res, err = s.client.Post(s.URL+path, "text/plain", strings.NewReader(body))
			}
			r := read(t, res, err)
			r.want(t, 200, answer)
			if r.length != int64(len(answer)) {
				t.Errorf("%s: Content-Length = %d, want %d", path, r.length, len(answer))
			}
		}
		l.release()
		for range 4 {
			wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
		}
	})
}

// Requests one after the other while all their handlers keep running, each with a
// header map that it keeps writing to.
func TestE2_OnSockets(t *testing.T) {
	t.Parallel()
	const n = 16
	onSockets(t, func(t *testing.T, l *link) {
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Trailer", "X-Sum")
			io.WriteString(w, answer)
			h.Set("X-Sum", "sum")
			eof.Send(r.Context())
			for i := 0; ; i++ {
				select {
				case <-l.answered:
					return
				default:
					h["X-Sum"][0] = strings.Repeat("x", i%10)
					h.Set("X-Late", "late")
					runtime.Gosched()
				}
			}
		})
		for range n {
			r := s.get(t, "/")
			r.want(t, 200, answer)
			if got := r.res.Trailer.Get("X-Sum"); got != "sum" {
				t.Errorf("trailer X-Sum = %q, want sum", got)
			}
		}
		s.wantConns(t, 1)
	})
}

// The end of the answer is the end of the connection; over TLS it is said by a
// close_notify, without which a body of unknown length may have been cut.
func TestE3_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		if l.h2 {
			t.Skip("no connection to close")
		}
		done := make(chan error, 1)
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			if r.URL.Path == "/flush" {
				http.NewResponseController(w).Flush()
				io.WriteString(w, answer)
			}
			err := eof.Send(r.Context())
			<-l.answered
			done <- errors.Join(err, r.Context().Err())
		})
		for _, c := range []struct {
			request, body string
			length        int64
			chunked       bool
		}{
			{"GET / HTTP/1.0\r\n\r\n", answer, int64(len(answer)), false},
			{"GET /flush HTTP/1.0\r\n\r\n", answer + answer, -1, false},
			{"GET /flush HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", answer + answer, -1, false},
			{"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", answer, int64(len(answer)), false},
			{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer, int64(len(answer)), false},
			{"GET /flush HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer + answer, -1, true},
		} {
			w := s.exchange(t, c.request)
			r := w.next(t, "GET")
			r.want(t, 200, c.body)
			if chunked := len(r.res.TransferEncoding) > 0; r.length != c.length || chunked != c.chunked {
				t.Errorf("%q: Content-Length %d, chunked %t; want %d, %t", c.request, r.length, chunked, c.length, c.chunked)
			}
			w.wantEnd(t, l.cleanEnd())
		}
		l.release()
		for range 6 {
			wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
		}
	})
}

// With room for one stream per connection, a second request tells whether the
// first stream is done.
func TestE4_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		if !l.h2 {
			t.Skip("no streams")
		}
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			if r.URL.Path == "/flush" {
				http.NewResponseController(w).Flush()
			}
			eof.Send(r.Context())
			<-l.answered
		}, func(srv *http.Server) { srv.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1} })
		for _, path := range []string{"/", "/flush", "/"} {
			s.get(t, path).want(t, 200, answer)
		}
		s.wantConns(t, 1)
	})
}

// The client reads in small pieces, hears that all is sent, and then the rest.
func TestE5_OnSockets(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcde\n"), 8<<20/16)
	onSockets(t, func(t *testing.T, l *link) {
		done := make(chan error, 1)
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(w, bytes.NewReader(body))
			err := eof.Send(r.Context())
			<-l.answered
			done <- errors.Join(err, r.Context().Err())
		})
		res, err := s.client.Get(s.URL)
		if err != nil {
			t.Fatalf("Get = %v, want a response", err)
		}
		defer res.Body.Close()
		sum := sha256.New()
		n, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{res.Body}, make([]byte, 1000))
		l.release()
		if want := sha256.Sum256(body); n != int64(len(body)) || err != nil || !bytes.Equal(sum.Sum(nil), want[:]) {
			t.Errorf("the client reads %d bytes, %v; want the %d that were written", n, err, len(body))
		}
		wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
	})
}
