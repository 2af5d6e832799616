package eof_test

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
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/thread"
)

// upload makes a request with a file that is too large for memory.
func upload(t *testing.T, s *pipenet.Server, path, content string) *http.Request {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	f, err := w.CreateFormFile("file", "name.txt")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, content)
	w.Close()
	r := s.NewRequest("POST", path, &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

// tempDir is where net/http puts uploaded files during the test.
func tempDir(t *testing.T) (list func() int) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return func() int {
		t.Helper()
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Errorf("ReadDir(%q) = %v", dir, err)
		}
		return len(files)
	}
}

// readUpload reads the file of a parsed form.
func readUpload(r *http.Request) string {
	f, err := r.MultipartForm.File["file"][0].Open()
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestE13_UploadedFiles(t *testing.T) {
	content := strings.Repeat("content ", 1000)
	parse := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.ParseMultipartForm(1)
			next.ServeHTTP(w, r)
		})
	}
	for _, c := range []struct {
		name string
		wrap func(*eof.Background, http.Handler) http.Handler
	}{
		{"Detach", func(b *eof.Background, h http.Handler) http.Handler { return b.Detach(h) }},
		{"Detach in Handler", func(b *eof.Background, h http.Handler) http.Handler { return b.Handler(b.Detach(h)) }},
		{"parsed between Handler and Detach", func(b *eof.Background, h http.Handler) http.Handler {
			return b.Handler(parse(b.Detach(h)))
		}},
		{"parsed by a middleware of a router between", func(b *eof.Background, h http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Handle("/*", b.Detach(h))
			return b.Handler(parse(r))
		}},
		{"parsed outside of a copy", func(b *eof.Background, h http.Handler) http.Handler {
			return parse(copies(b.Detach(h)))
		}},
		{"parsed outside of a copy and of Handler", func(b *eof.Background, h http.Handler) http.Handler {
			return parse(copies(b.Handler(copies(b.Detach(h)))))
		}},
		{"parsed outside, copies inside", func(b *eof.Background, h http.Handler) http.Handler {
			return parse(copies(b.Detach(copies(h))))
		}},
		{"parsed outside", func(b *eof.Background, h http.Handler) http.Handler { return parse(b.Detach(h)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
				files := tempDir(t)
				b := background(t, eof.Options{})
				during, got := make(chan int, 1), make(chan string, 1)
				wrap := func(h http.Handler) http.Handler { return c.wrap(b, h) }
				s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
					r.ParseMultipartForm(1)
					if r.URL.Path == "/send" {
						io.WriteString(w, answer)
						eof.Send(r.Context())
					}
					if r.URL.Path == "/exit" {
						thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, 503) })
					}
					time.Sleep(time.Second) // the response has ended, net/http has cleaned up
					during <- files()
					got <- readUpload(r)
				})
				for _, path := range []string{"/send", "/return", "/exit"} {
					res, err := s.Do(upload(t, s, path, content))
					read(t, res, err)
					if n := <-during; n != 1 {
						t.Errorf("%s: %d files while the handler works, want 1", path, n)
					}
					if g := <-got; g != content {
						t.Errorf("%s: the handler reads %.40q, want the %d bytes", path, g, len(content))
					}
					synctest.Wait()
					if n := files(); n != 0 {
						t.Errorf("%s: %d files when the handler has returned, want none", path, n)
					}
				}
			})
		})
	}
}

// copies hands on another request, as middlewares do that put values into its
// context.
func copies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), copyKey{}, true)))
	})
}

type copyKey struct{}

// A panic after Send ends the handler as well.
func TestE13_UploadedFilesAfterPanic(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		files := tempDir(t)
		got := make(chan caught, 1)
		b := background(t, eof.Options{OnPanic: onPanic(got)})
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			r.ParseMultipartForm(1)
			eof.Send(r.Context())
			panicsLate("boom")
		})
		do(t, s, upload(t, s, "/", strings.Repeat("content ", 1000))).want(t, 200, "")
		(<-got).want(t, "boom", "panicsLate")
		synctest.Wait()
		if n := files(); n != 0 {
			t.Errorf("%d files after the panic, want none", n)
		}
	})
}

// A panic that is the ending does not wait for a thread, which may still read the files.
func TestE13_UploadedFilesOfAThreadAfterPanic(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		files := tempDir(t)
		content := strings.Repeat("content ", 1000)
		parsed, goOn, read := make(chan struct{}), make(chan struct{}), make(chan string, 1)
		s := serve(t, p, background(t, eof.Options{}).Detach, func(w http.ResponseWriter, r *http.Request) {
			_, err := thread.Spawn(r.Context(), func(context.Context) error {
				r.ParseMultipartForm(1)
				close(parsed)
				<-goOn
				read <- readUpload(r)
				return nil
			})
			wantErr(t, "Spawn", err, nil)
			<-parsed
			panic("boom")
		})
		if res, err := s.Do(upload(t, s, "/", content)); err == nil {
			res.Body.Close()
			t.Errorf("POST = %d, want the connection dropped", res.StatusCode)
		}
		close(goOn)
		if got := <-read; got != content {
			t.Errorf("the thread has read %.40q, want the file", got)
		}
		synctest.Wait()
		if n := files(); n != 0 {
			t.Errorf("%d files after the thread, want none", n)
		}
	})
}
