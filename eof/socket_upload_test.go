package eof_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/eof"
	lifecycle "github.com/lastbyte-go/lastbyte/middleware"
)

// net/http has cleaned up behind the request when the next one is served.
func TestE13_OnSockets(t *testing.T) {
	content := strings.Repeat("content ", 100_000)
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	f, _ := m.CreateFormFile("file", "name.txt")
	io.WriteString(f, content)
	m.Close()
	for _, outside := range []bool{false, true} {
		t.Run(fmt.Sprint("parsed outside ", outside), func(t *testing.T) {
			onSockets(t, func(t *testing.T, l *link) {
				files := tempDir(t)
				got, during := make(chan string, 1), make(chan int, 1)
				life := lifecycle.New(lifecycle.Options{})
				detached := life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.ParseMultipartForm(1)
					io.WriteString(w, answer)
					eof.Send(r.Context())
					if r.Method == "POST" {
						<-l.answered
						during <- files()
						got <- readUpload(r)
					}
				}))
				s := l.serve(t, life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if outside {
						r.ParseMultipartForm(1)
					}
					detached.ServeHTTP(w, r)
				}))
				res, err := s.client.Post(s.URL, m.FormDataContentType(), bytes.NewReader(form.Bytes()))
				read(t, res, err).want(t, 200, answer)
				s.get(t, "/").want(t, 200, answer)
				s.wantConns(t, 1)
				l.release()
				if n := <-during; n != 1 {
					t.Errorf("%d files while the handler works, want 1", n)
				}
				if g := <-got; g != content {
					t.Errorf("the handler reads %.40q, want the %d bytes", g, len(content))
				}
				shutdown(t, life)
				if n := files(); n != 0 {
					t.Errorf("%d files when the handler has returned, want none", n)
				}
			})
		})
	}
}

// The compressed stream has its end, the log its line, while the handler works.
func TestE16_OnSockets(t *testing.T) {
	text := strings.Repeat("all work and no play ", 50_000)
	for _, outside := range []bool{false, true} {
		t.Run(fmt.Sprint("outside ", outside), func(t *testing.T) {
			onSockets(t, func(t *testing.T, l *link) {
				lines := make(chan string, 4)
				life := lifecycle.New(lifecycle.Options{})
				r := chi.NewRouter()
				if !outside {
					r.Use(life.Handler)
				}
				logger := log.New(writerFunc(func(p []byte) { lines <- string(p) }), "", 0)
				r.Use(middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: logger, NoColor: true}))
				r.Use(middleware.Recoverer, middleware.Compress(5))
				r.With(life.Detach).Get("/{id}", func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/plain")
					io.WriteString(w, text)
					eof.Send(r.Context())
					<-l.answered
				})
				s := l.serve(t, life, r)
				req, _ := http.NewRequest("GET", s.URL+"/7", nil)
				req.Header.Set("Accept-Encoding", "gzip")
				for range 2 {
					res, err := s.client.Do(req)
					read(t, res, err).wantGzip(t, text)
				}
				s.wantConns(t, 1)
				n := 2
				if !l.h2 {
					w := s.exchange(t, "GET /7 HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
					w.next(t, "GET").wantGzip(t, text)
					w.wantEnd(t, l.cleanEnd())
					n++
				}
				for range n {
					if line := <-lines; !strings.Contains(line, "/7 ") || !strings.Contains(line, " - 200 ") {
						t.Errorf("logged %q, want a line with the path and 200", line)
					}
				}
				l.release()
				shutdown(t, life)
				if len(lines) > 0 {
					t.Errorf("logged %q after the work, want nothing", <-lines)
				}
			})
		})
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func (r reply) wantGzip(t *testing.T, want string) {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(r.body))
	if err != nil || r.err != nil || r.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("response: Content-Encoding %q, %d bytes, %v, %v; want gzip", r.header.Get("Content-Encoding"), len(r.body), r.err, err)
	}
	if got, err := io.ReadAll(z); string(got) != want || err != nil {
		t.Errorf("unpacked: %d bytes, %v; want %d bytes and a proper end", len(got), err, len(want))
	}
}
