package thirdparty_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/NYTimes/gziphandler"
	chi "github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/handlers"
	"github.com/gorilla/sessions"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// eachPlace runs body at every place and protocol, in bubbles.
func eachPlace(t *testing.T, body func(t *testing.T, p pipenet.Proto, at place)) {
	t.Helper()
	for _, at := range places {
		t.Run(at.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) { body(t, p, at) })
		})
	}
}

func plain(h http.Handler) http.Handler { return h }

// A handler that replaces *r, as users of gorilla/sessions and gorilla/context
// do, is seen by what saves sessions outside: its registry is in the context.
func TestRequest_ReplacedInPlace(t *testing.T) {
	store := sessions.NewCookieStore([]byte("0123456789abcdef0123456789abcdef"))
	type key struct{}
	saves := func(seen chan<- any) around {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				seen <- r.Context().Value(key{})
			})
		}
	}
	eachPlace(t, func(t *testing.T, p pipenet.Proto, at place) {
		seen := make(chan any, 1)
		life := middleware.New(middleware.Options{})
		defer life.Shutdown(context.Background())
		s := pipenet.Start(t, p, at.put(life, saves(seen), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, _ := store.Get(r, "session")
			session.Values["seen"] = true
			_ = session.Save(r, w)
			*r = *r.WithContext(context.WithValue(r.Context(), key{}, "bob"))
		})))
		a := ask(s)
		if got := <-seen; got != "bob" || a.header.Get("Set-Cookie") == "" {
			t.Errorf("outside the value is %v, the header %v, want bob and a cookie", got, a.header)
		}
	})
}

// chi's RealIP changes the request that it was given; what stands around it and
// logs when the handler is back sees that, inside lastbyte or outside.
func TestRequest_RemoteAddr(t *testing.T) {
	eachPlace(t, func(t *testing.T, p pipenet.Proto, at place) {
		seen := make(chan string, 1)
		logs := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				seen <- r.RemoteAddr
			})
		}
		life := middleware.New(middleware.Options{})
		defer life.Shutdown(context.Background())
		s := pipenet.Start(t, p, at.put(life, logs, chi.RealIP(http.HandlerFunc(writes(small)))))
		req := s.NewRequest("GET", "/", nil)
		req.Header.Set("X-Real-IP", "203.0.113.7")
		res, err := s.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := <-seen; got != "203.0.113.7" {
			t.Errorf("RemoteAddr outside is %q, want that of RealIP", got)
		}
	})
}

// form is the body of a POST with a file that does not fit into memory.
func form(t *testing.T) (body *bytes.Buffer, kind string) {
	t.Helper()
	body = new(bytes.Buffer)
	m := multipart.NewWriter(body)
	_ = m.WriteField("_method", "PUT")
	f, err := m.CreateFormFile("file", "file.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, strings.Repeat("x", 4<<20))
	_ = m.Close()
	return body, m.FormDataContentType()
}

// Uploaded files belong to the handler until it has returned, whoever has
// parsed the form, on whatever copy of the request; then they are removed.
func TestRequest_UploadedFiles(t *testing.T) {
	parse := func(next http.Handler) http.Handler { // with little memory, so that there is a file
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseMultipartForm(1 << 10)
			next.ServeHTTP(w, r)
		})
	}
	for _, c := range []struct {
		name   string
		put    around
		leaves bool // net/http alone leaves the file, as the form is a copy's
	}{
		{"MethodOverride, RequestID", func(h http.Handler) http.Handler {
			return parse(handlers.HTTPMethodOverrideHandler(chi.RequestID(h)))
		}, false},
		{"RequestID, parsed, RequestID", func(h http.Handler) http.Handler { return chi.RequestID(parse(chi.RequestID(h))) }, true},
		{"parsed by the server's request", parse, false},
		{"by the handler", plain, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachPlace(t, func(t *testing.T, p pipenet.Proto, at place) {
				t.Setenv("TMPDIR", t.TempDir())
				resume, read, over := make(chan struct{}), make(chan int, 1), make(chan struct{})
				life := middleware.New(middleware.Options{})
				defer life.Shutdown(context.Background())
				s := pipenet.Start(t, p, at.put(life, c.put, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer close(over)
					_ = r.ParseMultipartForm(1 << 10)
					_, _ = io.WriteString(w, "thanks")
					if at.detach {
						if err := eof.Send(r.Context()); err != nil {
							t.Errorf("Send() = %v, want nil", err)
						}
						<-resume
					}
					f, _, err := r.FormFile("file")
					if err != nil {
						read <- 0
						return
					}
					defer f.Close()
					b, _ := io.ReadAll(f)
					read <- len(b)
				})))
				body, kind := form(t)
				req := s.NewRequest("POST", "/", body)
				req.Header.Set("Content-Type", kind)
				res, err := s.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				synctest.Wait()
				close(resume)
				if n := <-read; n != 4<<20 {
					t.Errorf("the handler reads %d bytes, want %d", n, 4<<20)
				}
				<-over
				synctest.Wait()
				if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 && !c.leaves {
					t.Errorf("%d files are left, want none", len(left))
				}
			})
		})
	}
}

// A response that is shorter than it said is cut, also behind a writer that
// passes on neither deadlines nor Unwrap.
func TestShortBody_BehindNYTimes(t *testing.T) {
	for _, way := range []string{"compressed", "as it is"} {
		t.Run(way, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				life := middleware.New(middleware.Options{})
				defer life.Shutdown(context.Background())
				sent := make(chan error, 1)
				s := pipenet.Start(t, p, gziphandler.GzipHandler(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", "9999")
					_, _ = io.WriteString(w, mid)
					sent <- eof.Send(r.Context())
				}))), life.Attach)
				req := s.NewRequest("GET", "/", nil)
				if way == "compressed" {
					req.Header.Set("Accept-Encoding", "gzip")
				}
				res, err := s.Do(req)
				if err == nil {
					_, err = io.ReadAll(res.Body)
					res.Body.Close()
				}
				if got := <-sent; err == nil {
					t.Errorf("Send() = %v, and the client has a whole answer, want it cut", got)
				}
			})
		})
	}
}
