package nethttp_test

import (
	"bytes"
	"go/version"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// upload gives the body of a request with one file, and its Content-Type.
func upload(t *testing.T) (body io.Reader, contentType string) {
	t.Helper()
	var buf bytes.Buffer
	m := multipart.NewWriter(&buf)
	part, err := m.CreateFormFile("file", "name")
	if err != nil {
		t.Fatal(err)
	}
	part.Write([]byte("content"))
	m.Close()
	return &buf, m.FormDataContentType()
}

// Once the request is over, net/http has removed the files of its own request, and
// left those of a copy; RemoveFiles removes them. From Go 1.27 on the request that a
// handler gets on HTTP/2 is a copy.
func TestRemoveFiles(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		copies := p == pipenet.HTTP2 && version.Compare(runtime.Version(), "go1.27") >= 0
		for _, c := range []struct {
			name         string
			copy, remove bool
			left         bool
		}{
			{"its own request", false, false, copies},
			{"a copy", true, false, true},
			{"a copy, RemoveFiles", true, true, false},
			{"its own request, RemoveFiles", false, true, false},
		} {
			forms, names := make(chan *multipart.Form, 1), make(chan string, 1)
			s := pipenet.Start(t, p, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if c.copy {
					r = r.WithContext(r.Context())
				}
				if err := r.ParseMultipartForm(0); err != nil {
					t.Errorf("%s: ParseMultipartForm() = %v, want nil", c.name, err)
					close(forms)
					return
				}
				f, err := r.MultipartForm.File["file"][0].Open()
				if err != nil {
					t.Errorf("%s: Open() = %v, want nil", c.name, err)
					close(forms)
					return
				}
				defer f.Close()
				if c.remove {
					nethttp.RemoveFiles(r.Context(), r.MultipartForm)
				}
				names <- f.(*os.File).Name()
				forms <- r.MultipartForm
			}))
			body, contentType := upload(t)
			req := s.NewRequest("POST", "/", body)
			req.Header.Set("Content-Type", contentType)
			res, err := s.Do(req)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			res.Body.Close()
			synctest.Wait()
			form, ok := <-forms
			if !ok {
				continue
			}
			_, err = os.Stat(<-names)
			if left := err == nil; left != c.left {
				t.Errorf("%s: the file is left: %t, want %t", c.name, left, c.left)
			}
			form.RemoveAll()
		}
	})
}
