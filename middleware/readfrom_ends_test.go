package middleware_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// copied is what a handler that copies gives to both ends.
type copied struct {
	wire string // without the Date line
	n    int64
	err  string
	ctx  error // of the context after the copy
}

// copies serves one copy of what source makes on loopback, where net/http copies
// by the connection's ReadFrom, and reads all that the client gets. wrap may be nil.
func copies(t *testing.T, wrap func(http.Handler) http.Handler, length string, source func() io.Reader) (got copied) {
	t.Helper()
	done := make(chan struct{})
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		var err error
		got.n, err = io.Copy(w, source())
		got.err, got.ctx = fmt.Sprint(err), r.Context().Err()
		if got.n == 0 && err != nil {
			w.Header().Del("Content-Length")
			http.Error(w, "no source", http.StatusBadGateway)
		}
	})
	if wrap != nil {
		h = wrap(h)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	b, _ := io.ReadAll(c)
	<-done
	for line := range strings.SplitAfterSeq(string(b), "\r\n") {
		if !strings.HasPrefix(line, "Date: ") {
			got.wire += line
		}
	}
	local, remote := c.LocalAddr().String(), c.RemoteAddr().String()
	got.err = strings.NewReplacer(local, "client", remote, "server").Replace(got.err)
	return got
}

// sameAsBare compares a copy under lastbyte with one that net/http makes alone.
func sameAsBare(t *testing.T, name, length string, source func() io.Reader) {
	t.Helper()
	want := copies(t, nil, length, source)
	for _, m := range mounts {
		ended := make(chan middleware.Outcome, 1)
		life := newLife(t, middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { ended <- o }})
		got := copies(t, func(h http.Handler) http.Handler { return m.wrap(life, h) }, length, source)
		if got != want {
			t.Errorf("%s, %s, length %q:\n got %+v\nwant %+v", name, m.name, length, got, want)
		}
		if o := <-ended; o.Abort != nil {
			t.Errorf("%s, %s, length %q: abort %v, want none: the client is there", name, m.name, length, o.Abort)
		}
	}
}

// inPieces gives each of its pieces in one Read, and then err.
type inPieces struct {
	pieces []int
	err    error
}

func (s *inPieces) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, s.err
	}
	n := min(len(p), s.pieces[0])
	if s.pieces[0] -= n; s.pieces[0] == 0 {
		s.pieces = s.pieces[1:]
	}
	return copy(p, bytes.Repeat([]byte("x"), n)), nil
}

// What goes out is what net/http alone sends.
func TestWriter_ReadFrom_SameBytes(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 1, 511, 512, 513, 700, 1024, 2048, 3000, 9000} {
		for _, length := range []string{"", fmt.Sprint(size)} {
			sameAsBare(t, fmt.Sprintf("limited %d", size), length, func() io.Reader {
				return io.LimitReader(&inPieces{[]int{100000}, io.EOF}, int64(size))
			})
			sameAsBare(t, fmt.Sprintf("pieces of %d", size), length, func() io.Reader {
				return &inPieces{[]int{size / 3, size / 3, size - 2*(size/3)}, io.EOF}
			})
			name := filepath.Join(dir, fmt.Sprint(size))
			if err := os.WriteFile(name, bytes.Repeat([]byte("y"), size), 0o600); err != nil {
				t.Fatal(err)
			}
			sameAsBare(t, fmt.Sprintf("file of %d", size), length, func() io.Reader { return open(t, name) })
			sameAsBare(t, fmt.Sprintf("limited file of %d", size), length, func() io.Reader {
				return io.LimitReader(open(t, name), int64(size))
			})
		}
	}
	sameAsBare(t, "directory", "", func() io.Reader { return struct{ io.Reader }{open(t, dir)} })
	sameAsBare(t, "bare directory", "", func() io.Reader { return open(t, dir) })
}

func open(t *testing.T, name string) *os.File {
	f, err := os.Open(name)
	if err != nil {
		t.Error(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// errDisconnects looks like the HTTP/2 server's error for a client that is gone.
var errDisconnects = errors.New("client disconnected")

// uncomparable is an error that must not be compared.
type uncomparable struct{ s []string }

func (e uncomparable) Error() string { return e.s[0] }

// An error of the source is not the client's, whatever
// it looks like.
func TestN8_ReadFrom_SourceErrorIsNotTheClients(t *testing.T) {
	for _, err := range []error{
		syscall.ECONNRESET, syscall.EPIPE, syscall.ETIMEDOUT, os.ErrDeadlineExceeded, errDisconnects, io.ErrUnexpectedEOF, net.ErrClosed,
		http.ErrBodyReadAfterClose, uncomparable{[]string{"x"}},
		&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
	} {
		for _, size := range []int{0, 1, 600, 2000, 5000} {
			for _, length := range []string{"", "9000"} {
				sameAsBare(t, fmt.Sprintf("%v after %d", err, size), length, func() io.Reader {
					if size == 0 {
						return &inPieces{nil, err}
					}
					return &inPieces{[]int{size}, err}
				})
			}
		}
	}
}

// Number 46: what came before a pause of the source goes out before it.
func TestWriter_ReadFrom_PausingSource(t *testing.T) {
	for _, m := range mounts {
		life := newLife(t, middleware.Options{})
		r, w := io.Pipe()
		srv := httptest.NewServer(m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "701")
			io.Copy(w, r)
		})))
		go io.WriteString(w, strings.Repeat("x", 700))
		res, err := srv.Client().Get(srv.URL) // it waits for the header
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(bufio.NewReader(res.Body), make([]byte, 700)); err != nil {
			t.Errorf("%s: %d bytes, %v before the source goes on, want 700", m.name, n, err)
		}
		io.WriteString(w, "y")
		w.Close()
		res.Body.Close()
		srv.Close()
	}
}
