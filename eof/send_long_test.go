package eof_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
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
