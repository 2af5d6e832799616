package middleware_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// A Flush that nobody can do commits nothing.
func TestWriter_UnsupportedFlushCommitsNothing(t *testing.T) {
	for _, m := range mounts {
		for _, outer := range mounts { // one lastbyte inside another, too
			var out middleware.Outcome
			life := newLife(t, middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { out = o }})
			h := outer.wrap(life, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
					t.Errorf("Flush() = %v, want %v", err, http.ErrNotSupported)
				}
				w.Header().Set("X-Late", "1")
				http.Error(w, "failed", 500)
			})))
			for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
				"bare": func(w http.ResponseWriter) http.ResponseWriter { return bare{w} },
				"unwraps": func(w http.ResponseWriter) http.ResponseWriter {
					return struct {
						bare
						unwrapper
					}{bare{w}, unwrapper{bare{w}}}
				},
			} {
				rec := httptest.NewRecorder()
				h.ServeHTTP(wrap(rec), httptest.NewRequest("GET", "/", nil))
				if rec.Code != 500 || out.Status != 500 || rec.Header().Get("X-Late") != "1" {
					t.Errorf("%s in %s, %s: answer %d %v, Outcome %d, want 500 with its headers",
						m.name, outer.name, name, rec.Code, rec.Header(), out.Status)
				}
			}
		}
	}
}

// After Hijack, Flush and ReadFrom fail, and panic on no
// writer.
func TestWriter_FlushAfterHijack(t *testing.T) {
	for _, m := range mounts {
		for _, flushed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				errs := make(chan error, 2)
				s := start(t, pipenet.HTTP1, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
					if flushed {
						flush(w)
					}
					c, _, err := http.NewResponseController(w).Hijack()
					if err != nil {
						t.Errorf("Hijack() = %v, want nil", err)
						return
					}
					defer c.Close()
					w.(http.Flusher).Flush()
					errs <- flush(w)
					_, err = io.Copy(w, strings.NewReader("x"))
					errs <- err
				})
				c := s.Dial()
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				io.ReadAll(c)
				for range 2 {
					if err := take(t, errs, "error"); err != http.ErrHijacked {
						t.Errorf("flushed %v: error %v, want %v", flushed, err, http.ErrHijacked)
					}
				}
			})
		}
	}
}

// What net/http says of a superfluous WriteHeader names the
// handler that called it, for an informational status as well.
func TestWriter_SuperfluousInformational(t *testing.T) {
	for _, m := range mounts {
		for _, status := range []int{103, 200} {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, pipenet.HTTP1, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(201)
					w.WriteHeader(status)
				})
				get(t, s.Server, "/")
				if got := s.Logs(); !strings.Contains(got, "superfluous") || !strings.Contains(got, "writer_flush_test.go") {
					t.Errorf("%s, WriteHeader(%d): the server logs %q, want this file named", m.name, status, got)
				}
			})
		}
	}
}

// After a 413 net/http lingers, so that a client which still
// sends its body reads the answer before the connection is reset.
func TestTransparency_TooLargeLingers(t *testing.T) {
	wrap := map[string]func(*testing.T, http.Handler) http.Handler{
		"net/http": func(_ *testing.T, h http.Handler) http.Handler { return h },
	}
	for _, m := range mounts {
		wrap[m.name] = func(t *testing.T, h http.Handler) http.Handler { return m.wrap(newLife(t, middleware.Options{}), h) }
		wrap[m.name+" inside chi"] = func(t *testing.T, h http.Handler) http.Handler {
			in := m.wrap(newLife(t, middleware.Options{}), h)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { in.ServeHTTP(wrappers[1].wrap(w, r), r) })
		}
	}
	for name, wrap := range wrap {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := pipenet.Start(t, pipenet.HTTP1, wrap(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10))
					http.Error(w, fmt.Sprint(err), http.StatusRequestEntityTooLarge)
				})))
				c := s.Dial()
				io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n"+strings.Repeat("x", 2000))
				got, err := io.ReadAll(c)
				if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 413 ") || !strings.Contains(string(got), "Connection: close") {
					t.Errorf("the client reads %q, %v, want a 413 that closes", got, err)
				}
				time.Sleep(100 * time.Millisecond)
				if _, err := io.WriteString(c, "x"); err != nil {
					t.Errorf("Write() = %v while the server lingers, want nil", err)
				}
			})
		})
	}
}
