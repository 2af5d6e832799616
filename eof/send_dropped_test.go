package eof_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// What comes after Send is dropped, and one line of the log says so.
func TestE21_DroppedAfterSendIsLogged(t *testing.T) {
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		want []string // in the one line; none: there is no line
	}{
		{"in order", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			eof.Send(r.Context())
			_ = w.Header().Get("Content-Type")
		}, nil},
		{"bytes", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer)
			eof.Send(r.Context())
			for range 3 {
				io.WriteString(w, "12345")
				w.Write([]byte("67"))
			}
		}, []string{"21 bytes", "a compressor inside Detach?"}},
		{"bytes, and none before", func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			io.WriteString(w, answer)
		}, []string{"14 bytes", "before any status or byte"}},
		{"headers", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Kept", "1")
			io.WriteString(w, answer)
			eof.Send(r.Context())
			w.Header().Add("Set-Cookie", "session=1")
			w.Header().Del("Kept")
		}, []string{`["Kept" "Set-Cookie"]`, "a session middleware inside Detach?"}},
		{"both", func(w http.ResponseWriter, r *http.Request) {
			eof.Send(r.Context())
			w.Header().Set("Set-Cookie", "session=1")
			w.WriteHeader(404)
			io.WriteString(w, "x")
		}, []string{"1 bytes", "Set-Cookie"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				b := background(t, eof.Options{})
				s := serve(t, p, b.Detach, c.h)
				if r := get(t, s, "/"); r.status != 200 || r.err != nil || r.header.Get("Set-Cookie") != "" {
					t.Errorf("response = %d, %v, %v, want 200, whole, without a cookie", r.status, r.err, r.header)
				}
				synctest.Wait()
				got := s.Logs()
				if lines := strings.Count(got, "\n"); lines != min(1, len(c.want)) {
					t.Errorf("the log has %d lines, want %d: %q", lines, min(1, len(c.want)), got)
				}
				for _, want := range c.want {
					if !strings.Contains(got, want) {
						t.Errorf("the log has %q, want %q in it", got, want)
					}
				}
			})
		})
	}
}
