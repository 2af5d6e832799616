package eof_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// holds sends what the next handler has said when that has returned. It has seen the
// header by then, and set one of its own over the handler's.
func holds(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(&keeper{rec: rec}, r)
		maps.Copy(w.Header(), rec.Header()) // the live map, as a buffer has it
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

type keeper struct {
	rec  *httptest.ResponseRecorder
	said bool
}

func (k *keeper) Header() http.Header { return k.rec.Header() }

func (k *keeper) WriteHeader(status int) { k.rec.WriteHeader(status) }

func (k *keeper) Write(p []byte) (int, error) {
	if !k.said {
		k.said = true
		k.Header().Set("Outer", "own")
	}
	return k.rec.Write(p)
}

// Headers that a detached handler sets after its first Write reach who may still
// send them: a buffer outside of Detach, or of all of lastbyte. Those that it has
// not changed are not set again.
func TestDetach_LateHeadersForABufferOutside(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		for name, wrap := range map[string]func(http.Handler) http.Handler{
			"outside": func(h http.Handler) http.Handler { return holds(b.Detach(h)) },
			"between": func(h http.Handler) http.Handler { return b.Handler(holds(b.Detach(h))) },
			"TimeoutHandler": func(h http.Handler) http.Handler {
				return http.TimeoutHandler(b.Detach(h), time.Hour, "late")
			},
		} {
			s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
				h := w.Header()
				h.Set("Early", "1")
				h.Set("Outer", "handler's")
				h.Set("Gone", "1")
				io.WriteString(w, "a")
				h.Set("Early", "2")
				h.Del("Gone")
				h.Set("Late", "1")
				if r.URL.Path == "/send" {
					wantErr(t, "Send", eof.Send(r.Context()), nil)
					h.Set("Late", "too late")
				}
			})
			for _, path := range []string{"/return", "/send"} {
				r := get(t, s, path)
				r.want(t, 200, "a")
				outer := "own"
				if name == "TimeoutHandler" {
					outer = "handler's"
				}
				for k, want := range map[string]string{"Early": "2", "Late": "1", "Gone": "", "Outer": outer} {
					if got := r.header.Get(k); got != want {
						t.Errorf("%s, %s: header %s is %q, want %q", name, path, k, got, want)
					}
				}
			}
		}
	})
}
