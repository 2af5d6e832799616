package middleware_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// net/http logs who writes to a response whose connection is hijacked: that is the
// handler, not a wrapper around its writer.
func TestTransparency_WriteAfterHijackNamesTheHandler(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		if p != pipenet.HTTP1 {
			return
		}
		errs := make(chan error, 2)
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Errorf("Hijack() = %v, want nil", err)
				return
			}
			defer c.Close()
			_, err = w.Write([]byte("late"))
			errs <- err
			_, err = io.WriteString(w, "late")
			errs <- err
		})
		if res, err := s.Do(s.NewRequest("GET", "/", nil)); err == nil {
			res.Body.Close()
		}
		for range 2 {
			if err := take(t, errs, "error"); !errors.Is(err, http.ErrHijacked) {
				t.Errorf("write = %v, want %v", err, http.ErrHijacked)
			}
		}
		const want = "response.Write on hijacked connection from github.com/lastbyte-go/lastbyte/middleware_test."
		if logs := s.Logs(); strings.Count(logs, want) != 1 || strings.Contains(logs, "internal/request") {
			t.Errorf("the log is %q, want %q in it, with the handler's frame", logs, want)
		}
	})
}

// hijacker is a source that hijacks the connection of w in its first read.
type hijacker struct {
	w http.ResponseWriter
	io.Reader
	conn net.Conn
	err  error
}

func (h *hijacker) Read(p []byte) (int, error) {
	if h.conn == nil && h.err == nil {
		h.conn, _, h.err = h.w.(http.Hijacker).Hijack()
	}
	return h.Reader.Read(p)
}

// A copy whose source hijacks the connection is refused as a Write after Hijack is,
// with the line that net/http logs then.
func TestTransparency_CopyFromWhoHijacks(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		if p != pipenet.HTTP1 {
			return
		}
		type result struct {
			n   int64
			err error
		}
		copied := make(chan result, 1)
		s := start(t, p, m, middleware.Options{}, func(w http.ResponseWriter, r *http.Request) {
			src := &hijacker{w: w, Reader: strings.NewReader(strings.Repeat("x", 2000))}
			n, err := io.Copy(w, src)
			if src.err != nil {
				t.Errorf("Hijack() = %v, want nil", src.err)
			} else {
				src.conn.Close()
			}
			copied <- result{n, err}
		})
		if res, err := s.Do(s.NewRequest("GET", "/", nil)); err == nil {
			res.Body.Close()
		}
		if got, want := take(t, copied, "copy"), (result{0, http.ErrHijacked}); got != want {
			t.Errorf("Copy() = %v, want %v", got, want)
		}
		const want = "response.Write on hijacked connection from io.copyBuffer"
		if logs := s.Logs(); strings.Count(logs, want) != 1 {
			t.Errorf("the log is %q, want %q in it once", logs, want)
		}
	})
}
