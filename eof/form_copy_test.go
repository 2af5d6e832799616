package eof_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// net/http removes the files of its own request alone: not those of a form that
// was parsed on a copy, as a middleware makes it, and since Go 1.27 none on
// HTTP/2. lastbyte removes all that it can know, and not before net/http would.
func TestE13_UploadedFilesOfACopy(t *testing.T) {
	type copied struct{}
	for name, wrap := range map[string]func(*eof.Background, http.Handler) http.Handler{
		"Handler":           func(b *eof.Background, h http.Handler) http.Handler { return b.Handler(h) },
		"Detach":            func(b *eof.Background, h http.Handler) http.Handler { return b.Detach(h) },
		"Detach in Handler": func(b *eof.Background, h http.Handler) http.Handler { return b.Handler(b.Detach(h)) },
	} {
		for _, path := range []string{"/return", "/panic", "/drop"} {
			t.Run(name+path, func(t *testing.T) {
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					files := tempDir(t)
					b := background(t, eof.Options{})
					after := make(chan int, 1)
					outer := func(h http.Handler) http.Handler {
						return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							defer func() { after <- files() }()
							wrap(b, h).ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), copied{}, 1)))
						})
					}
					stdLog(t)
					s := serve(t, p, outer, func(w http.ResponseWriter, r *http.Request) {
						r.ParseMultipartForm(1)
						io.WriteString(w, answer)
						switch path {
						case "/panic":
							panic("boom")
						case "/drop":
							panic(http.ErrAbortHandler)
						}
					})
					if res, err := s.Do(upload(t, s, path, strings.Repeat("content ", 1000))); err == nil {
						io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
					if n := <-after; n != 1 {
						t.Errorf("%d files when lastbyte has returned, want 1: handlers outside may read it", n)
					}
					synctest.Wait()
					if n := files(); n != 0 {
						t.Errorf("%d files when net/http is through with the request, want none", n)
					}
				})
			})
		}
	}
}

// Whoever parsed the form outside of Detach: the files are there until the
// handler has returned, and gone then.
func TestE13_UploadedFilesParsedOutsideOfACopy(t *testing.T) {
	type copied struct{}
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		files := tempDir(t)
		b := background(t, eof.Options{})
		wrap := func(h http.Handler) http.Handler {
			d := b.Detach(h)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.ParseMultipartForm(1)
				d.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), copied{}, 1)))
			})
		}
		s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
			if n := files(); n != 1 {
				t.Errorf("%d files while the handler works, want 1", n)
			}
			io.WriteString(w, answer)
		})
		do(t, s, upload(t, s, "/", strings.Repeat("content ", 1000))).want(t, 200, answer)
		synctest.Wait()
		if n := files(); n != 0 {
			t.Errorf("%d files when the handler has returned, want none", n)
		}
	})
}
