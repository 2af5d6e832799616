package eof_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
)

// Responses without a body, whatever they say of one, and the next on the same
// connection.
func TestE7_OnSocketsWithoutABody(t *testing.T) {
	for _, c := range []struct {
		method, proto string
		status        int
		declared      string
		length        int64
	}{
		{"HEAD", "1.1", 200, "", int64(len(answer))},
		{"HEAD", "1.1", 200, "100", 100},
		{"HEAD", "1.0", 200, "100", 100},
		{"GET", "1.1", 204, "", 0},
		{"GET", "1.0", 204, "", 0},
		{"GET", "1.1", 304, "", -1},
		{"GET", "1.1", 304, "100", -2},
		{"GET", "1.0", 304, "100", -2},
	} {
		t.Run(fmt.Sprint(c.method, " ", c.status, " ", c.declared, " HTTP ", c.proto), func(t *testing.T) {
			onSockets(t, func(t *testing.T, l *link) {
				sent := make(chan error, 3)
				s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
					if c.declared != "" {
						w.Header().Set("Content-Length", c.declared)
					}
					w.WriteHeader(c.status)
					if c.method == "HEAD" && c.declared == "" {
						io.WriteString(w, answer)
					}
					sent <- eof.Send(r.Context())
					<-l.answered
				})
				if l.h2 {
					req, _ := http.NewRequest(c.method, s.URL, nil)
					for range 3 {
						res, err := s.client.Do(req)
						if r := read(t, res, err); r.status != c.status || r.body != "" {
							t.Errorf("response = %d %q, want %d without a body", r.status, r.body, c.status)
						}
					}
					s.wantConns(t, 1)
				} else {
					request := c.method + " / HTTP/" + c.proto + "\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
					w := s.exchange(t, request+request+strings.Replace(request, "keep-alive", "close", 1))
					for range 3 {
						r := w.next(t, c.method)
						r.want(t, c.status, "")
						if c.length >= 0 && r.length != c.length {
							t.Errorf("Content-Length = %d, want %d", r.length, c.length)
						}
					}
					w.wantEnd(t, l.cleanEnd())
				}
				for range 3 {
					wantErr(t, "Send", <-sent, nil)
				}
			})
		})
	}
}

// On HTTP/1.0 there is no place for trailers; the body is as without them.
func TestE12_OnSockets(t *testing.T) {
	onSockets(t, func(t *testing.T, l *link) {
		s := l.detach(t, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Trailer", "X-Sum, X-Count")
			io.WriteString(w, answer)
			h.Set("X-Sum", "sum")
			h.Set("X-Count", "14")
			h.Set(http.TrailerPrefix+"X-More", "more")
			eof.Send(r.Context())
			h.Set("X-Sum", "late")
			<-l.answered
		})
		for range 2 {
			r := s.get(t, "/")
			r.want(t, 200, answer)
			if tr := r.res.Trailer; tr.Get("X-Sum") != "sum" || tr.Get("X-Count") != "14" || tr.Get("X-More") != "more" {
				t.Errorf("trailers = %v, want X-Sum sum, X-Count 14, X-More more", tr)
			}
		}
		s.wantConns(t, 1)
		if !l.h2 {
			w := s.exchange(t, "GET / HTTP/1.0\r\n\r\n")
			r := w.next(t, "GET")
			r.want(t, 200, answer)
			if len(r.res.TransferEncoding) > 0 || len(r.res.Trailer) > 0 {
				t.Errorf("HTTP/1.0: Transfer-Encoding %q, trailers %v; want none", r.res.TransferEncoding, r.res.Trailer)
			}
			w.wantEnd(t, l.cleanEnd())
		}
	})
}
