package eof_test

import (
	"bytes"
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

func TestE8_ShortBody(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		sent, done := make(chan error, 1), make(chan error, 1)
		s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Header().Set("X-Task", "7")
			io.WriteString(w, "short")
			sent <- eof.Send(r.Context())
			time.Sleep(time.Second)
			done <- r.Context().Err()
		})
		start := time.Now()
		r := get(t, s, "/")
		at(t, "the cut", start, 0)
		if r.status != 200 || r.length != 100 || r.header.Get("X-Task") != "7" || r.body != "short" {
			t.Errorf("response = %d, length %d, X-Task %q, %q; want 200, 100, 7 and what was written",
				r.status, r.length, r.header.Get("X-Task"), r.body)
		}
		want := map[pipenet.Proto]string{pipenet.HTTP1: "unexpected EOF", pipenet.HTTP2: "stream error: "}[p]
		if got := fmt.Sprint(r.err); !strings.HasPrefix(got, want) {
			t.Errorf("the client reads to %q, want %q: the response is cut, not ended", got, want)
		}
		err := <-sent
		wantErr(t, "Send", err, eof.ErrShortBody)
		if want := "95 of 100"; !strings.Contains(err.Error(), want) {
			t.Errorf("Send = %q, want it to say %q", err, want)
		}
		wantErr(t, "ctx.Err() after Send", <-done, nil)
	})
}

// Nothing of what follows may look like the rest of the short body.
func TestE8_ShortBodyClosesHTTP1(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := serve(t, pipenet.HTTP1, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusCreated)
			eof.Send(r.Context())
			time.Sleep(time.Second)
		})
		const request = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
		c := s.Dial()
		start := time.Now()
		io.WriteString(c, request+request)
		b, err := io.ReadAll(c)
		at(t, "the close", start, 0)
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 201 Created\r\n")) || !bytes.HasSuffix(b, []byte("\r\n\r\n")) ||
			bytes.Count(b, []byte("HTTP/1.1")) != 1 || err != nil {
			t.Errorf("on the wire: %q, %v, want one header and the close", b, err)
		}
	})
}

// A HEAD, a 204 and a 304 have no body, whatever length they declare.
func TestE8_NotShort(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
	}{{"HEAD", 200}, {"GET", 304}, {"HEAD", 304}, {"GET", 204}, {"POST", 204}, {"HEAD", 204}} {
		t.Run(fmt.Sprint(c.method, " ", c.status), func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				sent := make(chan error, 1)
				s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", "100")
					w.WriteHeader(c.status)
					sent <- eof.Send(r.Context())
					time.Sleep(time.Second)
				})
				start := time.Now()
				for range 2 {
					r := do(t, s, s.NewRequest(c.method, "/", nil))
					r.err = nil // Go's HTTP/2 client expects the bytes that a 304 does not have
					r.want(t, c.status, "")
					wantErr(t, "Send", <-sent, nil)
					synctest.Wait()
				}
				at(t, "both answers", start, 0)
				if n := len(s.Conns()); n != 1 {
					t.Errorf("2 requests took %d connections, want 1", n)
				}
			})
		})
	}
}

// What has no body, or an informational response before it, is sent as it is.
func TestE7_WithoutABody(t *testing.T) {
	for _, c := range []struct {
		name, method string
		handle       http.HandlerFunc
		status       int
		length       int64
	}{
		{"HEAD", "HEAD", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }, 200, int64(len(answer))},
		{"no content", "GET", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, 0},
		{"early hints", "GET", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103) }, 200, 0},
		{"created", "POST", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }, 201, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
					c.handle(w, r)
					eof.Send(r.Context())
					time.Sleep(time.Second)
				})
				start := time.Now()
				for range 2 {
					r := do(t, s, s.NewRequest(c.method, "/", nil))
					r.want(t, c.status, "")
					if r.length != c.length {
						t.Errorf("Content-Length = %d, want %d", r.length, c.length)
					}
					synctest.Wait() // the client has the connection in its pool
				}
				at(t, "both answers", start, 0)
				if n := len(s.Conns()); n != 1 {
					t.Errorf("2 requests took %d connections, want 1", n)
				}
			})
		})
	}
}
