package eof_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	lifecycle "github.com/lastbyte-go/lastbyte/middleware"
)

// shortBy declares a length, writes part of it, sends, and keeps running.
func (l *link) shortBy(sent chan<- error, part string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/next" {
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", fmt.Sprint(len(part)+100))
		io.WriteString(w, part)
		sent <- eof.Send(r.Context())
		<-l.answered
	}
}

func TestE8_OnSockets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ up, down int }{{0, 5}, {5, 5}, {1 << 20, 5}, {0, 5 << 20}} {
		t.Run(fmt.Sprintf("%d bytes up, %d down", c.up, c.down), func(t *testing.T) {
			onSockets(t, func(t *testing.T, l *link) {
				part, sent := strings.Repeat("s", c.down), make(chan error, 1)
				s := l.detach(t, l.shortBy(sent, part))
				res, err := s.client.Post(s.URL, "text/plain", strings.NewReader(strings.Repeat("x", c.up)))
				r := read(t, res, err)
				if r.status != 200 || r.length != int64(c.down+100) || r.body != part {
					t.Errorf("response = %d, length %d, %d bytes; want 200, %d, and what was written", r.status, r.length, len(r.body), c.down+100)
				}
				if l.h2 && !strings.HasPrefix(fmt.Sprint(r.err), "stream error: ") || !l.h2 && !errors.Is(r.err, io.ErrUnexpectedEOF) {
					t.Errorf("the client reads to %v, want a cut", r.err)
				}
				wantErr(t, "Send", <-sent, eof.ErrShortBody)
				s.get(t, "/next").want(t, 200, "")
				s.wantConns(t, map[bool]int{true: 1, false: 2}[l.h2])
			})
		})
	}
}

// What is on the wire: one header with the length, what was written, and no
// byte that could be taken for the rest.
func TestE8_OnSocketsWire(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	onSockets(t, func(t *testing.T, l *link) {
		if l.h2 {
			t.Skip("see TestE8_OnSockets")
		}
		sent := make(chan error, 1)
		s := l.detach(t, l.shortBy(sent, "short"))
		for _, request := range []string{
			get, get + get,
			"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			"GET / HTTP/1.0\r\n\r\n",
			"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
			"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
		} {
			text, end := s.exchange(t, request).end()
			header, body, _ := strings.Cut(string(text), "\r\n\r\n")
			if !strings.HasPrefix(header, "HTTP/1.") || !strings.Contains(header, "\r\nContent-Length: 105") || body != "short" {
				t.Errorf("%q: the answer is %q, to %q; want a header, and what was written", request, text, end)
			}
			wantErr(t, "Send", <-sent, eof.ErrShortBody)
		}
	})
}

// Outer layers take the length away, as a compressor has to. On HTTP/1.0 the
// end of the connection is then all that there is to tell the end of the body.
func TestE8_OnSocketsWithoutLength(t *testing.T) {
	noLength := exitcode.HeaderFilter(func(_ *http.Request, _ int, h http.Header) exitcode.Code {
		h.Del("Content-Length")
		return exitcode.OK
	})
	compress := middleware.Compress(5)
	mounts := map[string]func(*lifecycle.Lifecycle, http.Handler) http.Handler{
		"HeaderFilter": func(life *lifecycle.Lifecycle, h http.Handler) http.Handler { return noLength(life.Detach(h)) },
		"Compress between": func(life *lifecycle.Lifecycle, h http.Handler) http.Handler {
			return life.Handler(compress(life.Detach(h)))
		},
		"Compress outside": func(life *lifecycle.Lifecycle, h http.Handler) http.Handler { return compress(life.Detach(h)) },
	}
	for name, mount := range mounts {
		for _, proto := range []string{"HTTP/1.0", "HTTP/1.1", "HTTP/1.1\r\nConnection: close"} {
			t.Run(name+", "+strings.ReplaceAll(proto, "\r\n", ", "), func(t *testing.T) {
				onSockets(t, func(t *testing.T, l *link) {
					if l.h2 {
						t.Skip("a stream is reset")
					}
					sent := make(chan error, 1)
					life := lifecycle.New(lifecycle.Options{})
					s := l.serve(t, life, mount(life, l.shortBy(sent, "short")))
					w := s.exchange(t, "GET / "+proto+"\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
					res, err := http.ReadResponse(w.Reader, nil)
					r := read(t, res, err)
					wantErr(t, "Send", <-sent, eof.ErrShortBody)
					_, end := w.end()
					body, unzipped := r.body, error(nil)
					if r.header.Get("Content-Encoding") == "gzip" {
						var z *gzip.Reader
						if z, unzipped = gzip.NewReader(strings.NewReader(r.body)); unzipped == nil {
							var b []byte
							b, unzipped = io.ReadAll(z)
							body = string(b)
						}
					}
					if body != "short" {
						t.Errorf("the body is %q, want what was written", body)
					}
					if r.err == nil && unzipped == nil && end == l.cleanEnd() {
						t.Errorf("a complete response of %d bytes, and %s; want a visible cut", len(r.body), end)
					}
				})
			})
		}
	}
}
