package middleware_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// copier is a writer with the set of an HTTP/1 connection under chi, that notes
// what its ReadFrom is given.
type copier struct {
	bare
	flushes
	hijacks
	sources *[]string
}

// ReadFrom looks for what package net needs for sendfile: the source, or what an
// io.LimitedReader limits, has to be a file. That is not always an *os.File:
// io.Copy lets the file itself begin, which hides its WriteTo then.
func (c copier) ReadFrom(src io.Reader) (int64, error) {
	r := src
	if l, ok := src.(*io.LimitedReader); ok {
		r = l.R
	}
	kind := fmt.Sprintf("%T", src)
	if _, ok := r.(interface {
		fs.File
		syscall.Conn
	}); ok {
		kind = "a file"
	}
	*c.sources = append(*c.sources, kind)
	return io.Copy(c.bare, src)
}

func tempFile(t *testing.T, size int) (*os.File, string) {
	t.Helper()
	content := strings.Repeat("0123456789abcdef", size/16)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, content
}

// A file reaches the ReadFrom of the writer below as a file, so that the kernel
// can do the copy.
func TestWriter_Sendfile(t *testing.T) {
	for _, m := range mounts {
		for _, limited := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, limited %v", m.name, limited), func(t *testing.T) {
				file, content := tempFile(t, 64<<10)
				var src io.Reader = file
				if limited {
					content = content[:40<<10]
					src = io.LimitReader(file, 40<<10)
				}
				var out middleware.Outcome
				life := newLife(t, middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { out = o }})
				h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if n, err := io.Copy(w, src); n != int64(len(content)) || err != nil {
						t.Errorf("Copy() = %d, %v, want %d, nil", n, err, len(content))
					}
				}))
				rec, sources := httptest.NewRecorder(), []string(nil)
				h.ServeHTTP(copier{bare{rec}, flushes{rec}, hijacks{rec}, &sources}, httptest.NewRequest("GET", "http://example.com/", nil))
				if rec.Body.String() != content || rec.Code != 200 {
					t.Errorf("answer = %d, %d bytes, want 200, the %d of the file", rec.Code, rec.Body.Len(), len(content))
				}
				if len(sources) == 0 || sources[len(sources)-1] != "a file" {
					t.Errorf("ReadFrom below is given %q, want a file at last", sources)
				}
				if out.Bytes != int64(len(content)) {
					t.Errorf("Outcome.Bytes = %d, want %d", out.Bytes, len(content))
				}
			})
		}
	}
}

func TestWriter_ServeFile(t *testing.T) {
	file, content := tempFile(t, 256<<10)
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, file.Name())
		})
		if status, text := get(t, s.Server, "/"); status != 200 || text != content {
			t.Errorf("answer = %d, %d bytes, want 200, the %d of the file", status, len(text), len(content))
		}
		req := s.NewRequest("GET", "/", nil)
		req.Header.Set("Range", "bytes=16-31")
		res, err := s.Do(req)
		if status, text := answer(t, res, err); status != 206 || text != "0123456789abcdef" {
			t.Errorf("answer to a range = %d %q, want 206, its 16 bytes", status, text)
		}
		take(t, s.ended, "OnEnd")
		if o := take(t, s.ended, "OnEnd"); o.Bytes != 16 || o.Status != 206 {
			t.Errorf("Outcome = %d, %d bytes, want 206, 16", o.Status, o.Bytes)
		}
	})
}

// failing gives its bytes, then an error.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err == io.EOF {
		err = f.err
	}
	return n, err
}

// A source that fails before its first byte leaves the status to the handler.
func TestWriter_ReadFrom_SourceFails(t *testing.T) {
	broken := errors.New("broken source")
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			if n, err := io.Copy(w, &failing{new(bytes.Reader), broken}); n != 0 || err != broken {
				t.Errorf("Copy() = %d, %v, want 0, %v", n, err, broken)
			}
			http.Error(w, "no source", http.StatusBadGateway)
		})
		if status, text := get(t, s.Server, "/"); status != 502 || text != "no source\n" {
			t.Errorf("answer = %d %q, want 502, no source", status, text)
		}
	})
}

// endless never ends by itself.
type endless struct{ started chan<- struct{} }

func (e *endless) Read(p []byte) (int, error) {
	select {
	case e.started <- struct{}{}:
	default:
	}
	clear(p)
	return len(p), nil
}

// An exit ends a copy that is under way.
func TestWriter_ReadFrom_Exit(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		started, errs := make(chan struct{}, 1), make(chan error, 1)
		var c *middleware.Controller
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			c, _ = middleware.From(r.Context())
			_, err := io.Copy(w, &endless{started})
			errs <- err
		})
		res, err := s.Get("/")
		if err != nil {
			t.Fatalf("Get() = %v, want a response", err)
		}
		defer res.Body.Close()
		take(t, started, "read of the source")
		if err := c.Exit(exitcode.Close); err != nil {
			t.Errorf("Exit(444) = %v, want nil", err)
		}
		if err := take(t, errs, "end of the copy"); err == nil {
			t.Error("Copy() = nil, want an error")
		}
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Error("the client reads a whole body, want it cut off")
		}
	})
}
