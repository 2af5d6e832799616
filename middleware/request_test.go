package middleware_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// beside serves h inside a Lifecycle and gives look the request that the
// outer handler has, before and after.
func beside(t *testing.T, p pipenet.Proto, m mount, look func(r *http.Request, after bool), h http.Handler) *pipenet.Server {
	t.Helper()
	life := newLife(t, middleware.Options{})
	inside := m.wrap(life, h)
	return pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		look(r, false)
		inside.ServeHTTP(w, r)
		look(r, true)
	}))
}

// net/http knows the body of its own request by its type: it stays as it is.
func TestTransparency_BodyStays(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		var before io.ReadCloser
		s := beside(t, p, m, func(r *http.Request, after bool) {
			if after && r.Body != before {
				t.Errorf("r.Body after the handler is a %T, want the %T from before", r.Body, before)
			}
			before = r.Body
		}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %v", b, err)
		}))
		res, err := s.Do(s.NewRequest("POST", "/", strings.NewReader("hello")))
		if status, text := answer(t, res, err); status != 200 || text != "hello <nil>" {
			t.Errorf("answer = %d %q, want 200, hello <nil>", status, text)
		}
	})
}

func TestTransparency_NoBody(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		outside, inside := make(chan bool, 2), make(chan bool, 1)
		s := beside(t, p, m, func(r *http.Request, _ bool) { outside <- r.Body == http.NoBody },
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inside <- r.Body == http.NoBody }))
		get(t, s, "/")
		if in, out := take(t, inside, "inside"), take(t, outside, "outside"); in != out || in != (p == pipenet.HTTP1) {
			t.Errorf("r.Body is http.NoBody: %v inside, %v outside, want the same, true on HTTP/1", in, out)
		}
	})
}

func TestTransparency_Pattern(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		seen := make(chan string, 1)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /item/{id}", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, r.PathValue("id"))
			if m.name == "Detach" && r.PathValue("id") == "sent" {
				if err := eof.Send(r.Context()); err != nil {
					t.Errorf("Send() = %v, want nil", err)
				}
				time.Sleep(time.Hour) // what is seen outside is from before
			}
		})
		s := beside(t, p, m, func(r *http.Request, after bool) {
			if after {
				seen <- r.Pattern
			}
		}, mux)
		for _, id := range []string{"7", "sent"} {
			if status, text := get(t, s, "/item/"+id); status != 200 || text != id {
				t.Errorf("answer = %d %q, want 200 %s", status, text, id)
			}
			if got := take(t, seen, "pattern"); got != "GET /item/{id}" {
				t.Errorf("%s: Pattern outside = %q, want GET /item/{id}", id, got)
			}
		}
	})
}

// Uploaded files are readable in the handler and gone afterwards.
func TestTransparency_MultipartForm(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
					if err := r.ParseMultipartForm(0); err != nil {
						t.Errorf("ParseMultipartForm() = %v, want nil", err)
						return
					}
					f, _, err := r.FormFile("file")
					if err != nil {
						t.Errorf("FormFile() = %v, want nil", err)
						return
					}
					defer f.Close()
					n, err := io.Copy(io.Discard, f)
					fmt.Fprintf(w, "%d bytes, %v, %d files", n, err, files(t, dir))
				})
				var form bytes.Buffer
				mw := multipart.NewWriter(&form)
				part, _ := mw.CreateFormFile("file", "name")
				part.Write(make([]byte, 1000))
				mw.Close()
				req := s.NewRequest("POST", "/", &form)
				req.Header.Set("Content-Type", mw.FormDataContentType())
				res, err := s.Do(req)
				if _, text := answer(t, res, err); text != "1000 bytes, <nil>, 1 files" {
					t.Errorf("answer = %q, want 1000 bytes in a file", text)
				}
				synctest.Wait()
				if n := files(t, dir); n != 0 {
					t.Errorf("%d temporary files are left, want none", n)
				}
			})
		})
	}
}

func files(t *testing.T, dir string) int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Errorf("ReadDir() = %v, want nil", err)
	}
	return len(entries)
}

// Errors of the body keep their identity, and a 413 closes the connection as
// http.MaxBytesReader would have it.
func TestTransparency_MaxBytesReader(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 3)
			_, err := io.ReadAll(r.Body)
			if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); !ok || tooLarge.Limit != 3 {
				t.Errorf("ReadAll(Body) = %v, want an *http.MaxBytesError of 3", err)
			}
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		})
		res, err := s.Do(s.NewRequest("POST", "/", strings.NewReader("too long")))
		if status, _ := answer(t, res, err); status != 413 || res.Close != (p == pipenet.HTTP1) {
			t.Errorf("answer = %d, close %v, want 413, closed on HTTP/1 alone", status, res.Close)
		}
	})
}

// A WriteHeader without effect is logged as by net/http, with the frame of the
// handler.
func TestTransparency_SuperfluousWriteHeader(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, twice)
		if status, _ := get(t, s.Server, "/"); status != 202 {
			t.Errorf("status = %d, want the first, 202", status)
		}
		plain := pipenet.Start(t, p, http.HandlerFunc(twice))
		get(t, plain, "/")
		synctest.Wait()
		if logsBut(s.Server) != plain.Logs() {
			t.Errorf("Logs() = %q, without lastbyte %q, want the same", s.Logs(), plain.Logs())
		}
		if p == pipenet.HTTP1 && !strings.Contains(s.Logs(), "superfluous response.WriteHeader call from github.com/lastbyte-go/lastbyte/middleware_test.twice (request_test.go:") {
			t.Errorf("Logs() = %q, want the handler's frame", s.Logs())
		}
	})
}

func twice(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusAccepted)
	w.WriteHeader(http.StatusTeapot)
}

func TestTransparency_WriteHeaderAfterHijack(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				life := newLife(t, middleware.Options{})
				var logs [2]string
				for i, h := range []http.Handler{
					http.HandlerFunc(hijackThenWrite),
					m.wrap(life, http.HandlerFunc(hijackThenWrite)),
				} {
					s := pipenet.Start(t, pipenet.HTTP1, h)
					c := s.Dial()
					io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
					if got, err := io.ReadAll(c); len(got) != 0 || err != nil {
						t.Errorf("client reads %q, %v, want nothing", got, err)
					}
					synctest.Wait()
					logs[i] = logsBut(s)
				}
				if logs[0] != logs[1] || !strings.Contains(logs[1], "hijacked connection from github.com/lastbyte-go/lastbyte/middleware_test.hijackThenWrite") {
					t.Errorf("Logs() = %q, without lastbyte %q, want the same, with the handler's frame", logs[1], logs[0])
				}
			})
		})
	}
}

func hijackThenWrite(w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return // the test misses the log line
	}
	w.WriteHeader(http.StatusAccepted)
	c.Close()
}

// runtime.SetFinalizer throws at what is no whole allocation.
func TestTransparency_FinalizerOfTheRequest(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := beside(t, p, m, func(*http.Request, bool) {}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			runtime.SetFinalizer(r, func(*http.Request) {})
			runtime.SetFinalizer(r, nil)
		}))
		if res, err := s.Get("/"); err != nil || res.StatusCode != 200 {
			t.Errorf("Get() = %v, %v, want 200", res, err)
		}
	})
}
