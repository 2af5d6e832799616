package eof_test

import (
	"bytes"
	"errors"
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

// The client takes a millisecond for each 16 KB; the work begins when the last
// write is in the connection's window, and the client gets all while it goes on.
func TestE5_SlowReader(t *testing.T) {
	const size = 8 << 20
	for _, c := range []struct {
		name   string
		length bool
	}{{"in chunks", false}, {"with Content-Length", true}} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				done := make(chan error, 1)
				s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
					if c.length {
						w.Header().Set("Content-Length", fmt.Sprint(size))
					}
					for range 8 {
						w.Write(make([]byte, size/8))
					}
					err := eof.Send(r.Context())
					time.Sleep(time.Hour)
					done <- errors.Join(err, r.Context().Err())
				})
				start := time.Now()
				res, err := s.Get("/")
				if err != nil {
					t.Fatalf("Get() = %v, want a response", err)
				}
				n := 0
				for buf := make([]byte, 16<<10); err == nil; time.Sleep(time.Millisecond) {
					var m int
					m, err = res.Body.Read(buf)
					n += m
				}
				if n != size || err != io.EOF {
					t.Errorf("the client reads %d bytes, then %v, want %d, EOF", n, err, size)
				}
				if d := time.Since(start); d >= time.Hour {
					t.Errorf("the whole answer at +%v, want it before the handler's end", d)
				}
				wantErr(t, "Send, and ctx.Err() after it", <-done, nil)
			})
		})
	}
}

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
		if p == pipenet.HTTP1 && r.err != io.ErrUnexpectedEOF || r.err == nil {
			t.Errorf("the client reads to %v, want a truncated response", r.err)
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

// A HEAD and a 304 have no body, whatever length they declare.
func TestE8_NotShort(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
	}{{"HEAD", 200}, {"GET", 304}, {"HEAD", 304}} {
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

func TestE12_Trailers(t *testing.T) {
	for _, c := range []struct {
		name  string
		flush bool
	}{{"small body", false}, {"flushed body", true}} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
					h := w.Header()
					h.Set("Trailer", "X-Sum, X-Count")
					h.Add("Trailer", "X-Never")
					h.Set("X-Count", "0")
					io.WriteString(w, answer)
					if c.flush {
						http.NewResponseController(w).Flush()
					}
					h.Set("X-Sum", "abc")
					h.Set("X-Count", "2")
					h.Set("X-Undeclared", "1")
					h.Set(http.TrailerPrefix+"X-Late", "yes")
					eof.Send(r.Context())
					h.Set("X-Never", "after Send")
					h.Set("X-Sum", "after Send")
					h.Set(http.TrailerPrefix+"X-Later", "after Send")
					time.Sleep(time.Second)
				})
				start := time.Now()
				r := get(t, s, "/")
				at(t, "the whole answer", start, 0)
				r.want(t, 200, answer)
				for k, want := range map[string]string{"X-Sum": "abc", "X-Count": "2", "X-Late": "yes",
					"X-Never": "", "X-Undeclared": "", "X-Later": ""} {
					if got := r.res.Trailer.Get(k); got != want {
						t.Errorf("trailer %s = %q, want %q", k, got, want)
					}
				}
				if got := r.header.Get("X-Undeclared"); got != "" {
					t.Errorf("header X-Undeclared = %q, want none: it came after the header", got)
				}
			})
		})
	}
}
