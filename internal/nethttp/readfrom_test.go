package nethttp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// asked records the sizes of the reads from a source.
type asked struct {
	io.Reader
	sizes []int
}

func (a *asked) Read(p []byte) (int, error) {
	a.sizes = append(a.sizes, len(p))
	return a.Reader.Read(p)
}

// Over a socket, ReadFrom of the HTTP/1 server's writer reads SniffLen bytes by
// itself, and leaves the rest to the connection.
func TestSniffLen(t *testing.T) {
	t.Parallel()
	read := make(chan []int, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10000")
		src := &asked{Reader: strings.NewReader(strings.Repeat("x", 10_000))}
		w.(io.ReaderFrom).ReadFrom(src)
		read <- src.sizes
	}))
	defer s.Close()
	res, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if sizes := <-read; len(sizes) < 2 || sizes[0] != nethttp.SniffLen || sizes[1] <= nethttp.SniffLen {
		t.Errorf("the source was asked for %d bytes, want %d first, and more then", sizes, nethttp.SniffLen)
	}
}
