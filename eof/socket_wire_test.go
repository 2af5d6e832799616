package eof_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// rawConn is a connection of HTTP/1 by hand. Its TLS is 1.2, where the type of a
// record can be read: Go's client takes a FIN between two records for a clean
// end, others do not.
type rawConn struct {
	net.Conn // plain text
	*bufio.Reader
	tap *tap
	tls bool
}

// tap keeps what comes from the server.
type tap struct {
	net.Conn
	seen bytes.Buffer
}

func (c *tap) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.seen.Write(p[:n])
	return n, err
}

// exchange writes text to a new connection.
func (s *socketServer) exchange(t *testing.T, text string) *rawConn {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatalf("Dial = %v", err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	w := &rawConn{tap: &tap{Conn: c}, tls: s.link.tls}
	w.Conn = w.tap
	if s.link.tls {
		config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		config.ServerName, config.MaxVersion = "example.com", tls.VersionTLS12
		w.Conn = tls.Client(w.tap, config)
	}
	w.Reader = bufio.NewReader(w.Conn)
	if _, err := io.WriteString(w.Conn, text); err != nil {
		t.Fatalf("writing the request: %v", err)
	}
	return w
}

func (w *rawConn) Read(p []byte) (int, error) { return w.Reader.Read(p) }

// next reads a response to a request with method.
func (w *rawConn) next(t *testing.T, method string) reply {
	t.Helper()
	res, err := http.ReadResponse(w.Reader, &http.Request{Method: method})
	return read(t, res, err)
}

// end reads on to the end of the connection and tells how that came.
func (w *rawConn) end() (rest []byte, end string) {
	rest, err := io.ReadAll(w.Reader)
	switch {
	case err != nil:
		return rest, err.Error()
	case !w.tls:
		return rest, "FIN"
	}
	const alert, header = 21, 5
	last := byte(0)
	for b := w.tap.seen.Bytes(); len(b) >= header; {
		last = b[0]
		b = b[min(len(b), header+int(b[3])<<8+int(b[4])):]
	}
	if last != alert {
		return rest, "FIN without a close_notify"
	}
	return rest, "close_notify"
}

func (w *rawConn) wantEnd(t *testing.T, want string) {
	t.Helper()
	if rest, end := w.end(); len(rest) > 0 || end != want {
		t.Errorf("after the answer: %q, and %q; want nothing, and %q", rest, end, want)
	}
}
