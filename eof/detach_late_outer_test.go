package eof_test

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// marks stands outside of Detach and sets headers when something passes: a cookie at
// the first status, also an informational one, and trailers that count the bytes.
type marks struct {
	http.ResponseWriter
	said bool
	n    int
}

func (m *marks) Unwrap() http.ResponseWriter { return m.ResponseWriter }

func (m *marks) WriteHeader(status int) {
	if !m.said {
		m.said = true
		m.Header().Add("Set-Cookie", "outer=1")
		m.Header().Del("X-Once")
	}
	m.ResponseWriter.WriteHeader(status)
}

func (m *marks) Write(p []byte) (int, error) {
	if !m.said {
		m.WriteHeader(http.StatusOK)
	}
	n, err := m.ResponseWriter.Write(p)
	m.n += n
	m.Header().Set("Sum", strconv.Itoa(m.n))
	m.Header().Set(http.TrailerPrefix+"Hash", strconv.Itoa(m.n))
	return n, err
}

// countsReads sets a header when the body is read.
type countsReads struct {
	io.ReadCloser
	h http.Header
}

func (c *countsReads) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.h.Set("X-Read", "1")
	return n, err
}

// What somebody outside of Detach sets in the header map while the detached handler
// is at work stays, as in the one map that there is without Detach: the handler's
// own map replaces only what the handler has changed.
func TestTransparency_DetachKeepsHeadersOfOuterLayers(t *testing.T) {
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "Sum, Own")
			w.Header().Set("X-Once", "1")
			w.Header().Set("X-Def", "1")
			r.Body = &countsReads{r.Body, w.Header()}
			next.ServeHTTP(&marks{ResponseWriter: w}, r)
		})
	}
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		for name, wrap := range map[string]func(http.Handler) http.Handler{
			"net/http alone": outer,
			"outside":        func(h http.Handler) http.Handler { return outer(b.Detach(h)) },
			"between":        func(h http.Handler) http.Handler { return b.Handler(outer(b.Detach(h))) },
		} {
			s := serve(t, p, wrap, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/late" { // there the map is asked for after the header
					w.Header().Del("X-Def")
				}
				if r.URL.Path == "/early" {
					w.WriteHeader(http.StatusEarlyHints)
				}
				_, _ = io.ReadAll(r.Body)
				io.WriteString(w, "a")
				w.Header().Set("Own", "1")
				io.WriteString(w, "b")
			})
			for _, path := range []string{"/plain", "/early", "/late"} {
				r := do(t, s, s.NewRequest("POST", path, strings.NewReader("body")))
				r.want(t, 200, "ab")
				for k, want := range map[string]string{"Set-Cookie": "outer=1", "X-Once": "", "X-Def": map[bool]string{true: "1"}[path == "/late"], "X-Read": "1"} {
					if got := r.header.Get(k); got != want {
						t.Errorf("%s, %s: header %s is %q, want %q", name, path, k, got, want)
					}
				}
				for k, want := range map[string]string{"Sum": "2", "Hash": "2", "Own": "1"} {
					if got := r.res.Trailer.Get(k); got != want {
						t.Errorf("%s, %s: trailer %s is %q, want %q", name, path, k, got, want)
					}
				}
			}
		}
	})
}

// A layer outside of Detach that sends early hints when the handler is back, ahead of
// the response that it holds, gets them through.
func TestTransparency_EarlyHintsWhenTheDetachedHandlerIsBack(t *testing.T) {
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "held")
		})
	}
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		for name, wrap := range map[string]func(http.Handler) http.Handler{
			"net/http alone": outer,
			"outside":        func(h http.Handler) http.Handler { return outer(b.Detach(h)) },
			"between":        func(h http.Handler) http.Handler { return b.Handler(outer(b.Detach(h))) },
		} {
			s := serve(t, p, wrap, func(http.ResponseWriter, *http.Request) {})
			hints := 0
			r := s.NewRequest("GET", "/", nil)
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(int, textproto.MIMEHeader) error { hints++; return nil },
			}))
			do(t, s, r).want(t, 200, "held")
			if hints != 1 {
				t.Errorf("%s: %d informational responses, want 1", name, hints)
			}
		}
	})
}

// Where the header is out, a write does not look at the handler's map: another
// goroutine may set a trailer meanwhile, as with net/http alone.
func TestTransparency_DetachTrailerBesideWrites(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		b := background(t, eof.Options{})
		s := serve(t, p, b.Detach, func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Trailer", "Sum")
			io.WriteString(w, "a")
			_ = http.NewResponseController(w).Flush()
			set := make(chan struct{})
			go func() {
				defer close(set)
				h.Set("Sum", "1")
			}()
			for range 100 {
				io.WriteString(w, "b")
			}
			<-set
		})
		r := get(t, s, "/")
		r.want(t, 200, "a"+strings.Repeat("b", 100))
		if got := r.res.Trailer.Get("Sum"); got != "1" {
			t.Errorf("trailer Sum is %q, want 1", got)
		}
	})
}
