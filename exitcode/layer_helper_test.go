package exitcode_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The kinds of middleware that wrap the ResponseWriter, each reduced to what it
// does with it.

// between are those whose response has to be whole at its client.
func between() map[string]wrap {
	return map[string]wrap{
		"meter":          func(next http.Handler) http.Handler { return next },
		"early gzip":     gzips(true),
		"late gzip":      gzips(false),
		"buffer":         buffers,
		"cookie":         cookies,
		"gzip and gate":  func(next http.Handler) http.Handler { return cookies(gzips(false)(next)) },
		"bare interface": hides,
	}
}

// gzips compresses, as gorilla's Compress and echo's Gzip do, which set
// Content-Encoding before the next handler begins (early), or as chi's Compress,
// which sets it with the status.
func gzips(early bool) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := &coder{ResponseWriter: w, z: gzip.NewWriter(w)}
			if early {
				c.begin()
			}
			defer c.close()
			next.ServeHTTP(c, r)
		})
	}
}

// decoded is a with its body as it was before it was compressed.
func (a answer) decoded() answer {
	if a.err == nil && a.header.Get("Content-Encoding") == "gzip" && a.body != "" {
		z, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			a.err = fmt.Errorf("%q: %w", a.body, err)
			return a
		}
		b, err := io.ReadAll(z)
		a.body, a.err = string(b), err
	}
	return a
}

type coder struct {
	http.ResponseWriter
	z     *gzip.Writer
	coded bool
	said  bool
	empty bool
}

func (c *coder) begin() {
	c.coded = true
	c.Header().Set("Content-Encoding", "gzip")
	c.Header().Add("Vary", "Accept-Encoding")
}

func (c *coder) WriteHeader(status int) {
	if status >= 200 && !c.said {
		c.said = true
		c.empty = status == http.StatusNoContent || status == http.StatusNotModified
		if !c.empty && !c.coded {
			c.begin()
		}
		c.Header().Del("Content-Length")
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *coder) Write(b []byte) (int, error) {
	if !c.said {
		c.WriteHeader(http.StatusOK)
	}
	return c.z.Write(b)
}

func (c *coder) FlushError() error {
	if err := c.z.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

func (c *coder) close() {
	if c.said && !c.empty {
		_ = c.z.Close() // as they do
	}
}

// buffers holds all of the response until the next handler has returned, in a header
// map of its own, as http.TimeoutHandler does.
func buffers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &buffer{header: w.Header().Clone()}
		next.ServeHTTP(b, r)
		for k, v := range b.header {
			w.Header()[k] = v
		}
		if b.status > 0 {
			w.WriteHeader(b.status)
		}
		if b.body.Len() > 0 {
			_, _ = w.Write(b.body.Bytes()) // as they do
		}
	})
}

type buffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffer) Header() http.Header { return b.header }

func (b *buffer) WriteHeader(status int) {
	if b.status == 0 && status >= 200 {
		b.status = status
	}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

// cookies sets a cookie with the status, as session middlewares do.
func cookies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&cookie{ResponseWriter: w}, r)
	})
}

type cookie struct {
	http.ResponseWriter
	said bool
}

func (c *cookie) WriteHeader(status int) {
	if !c.said && status >= 200 {
		c.said = true
		c.Header().Add("Set-Cookie", "session=1")
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *cookie) Write(b []byte) (int, error) {
	if !c.said {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(b)
}

func (c *cookie) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// hides has nothing but the three methods.
func hides(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
}
