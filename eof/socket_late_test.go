package eof_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// lingering counts calls of SetLinger on the connections that it accepts.
type lingering struct {
	net.Listener
	n atomic.Int32
}

type lingeringConn struct {
	*net.TCPConn
	l *lingering
}

func (l *lingering) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return lingeringConn{c.(*net.TCPConn), l}, nil
}

func (c lingeringConn) SetLinger(sec int) error { c.l.n.Add(1); return c.TCPConn.SetLinger(sec) }

// lengthless takes the length away, as a compressor does.
type lengthless struct{ http.ResponseWriter }

func (w lengthless) Write(b []byte) (int, error) {
	w.Header().Del("Content-Length")
	return w.ResponseWriter.Write(b)
}

// A short Send of a handler that http.TimeoutHandler gave up leaves the
// connection alone, which serves another request.
func TestE8_ShortBehindATimeoutHandler(t *testing.T) {
	life := middleware.New(middleware.Options{})
	next, sent := make(chan struct{}), make(chan error, 1)
	detached := life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-next
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "abc")
		sent <- eof.Send(r.Context())
	}))
	mux := http.NewServeMux()
	mux.Handle("/slow", http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		detached.ServeHTTP(lengthless{w}, r)
	}), time.Millisecond, "too slow"))
	mux.HandleFunc("/next", func(w http.ResponseWriter, _ *http.Request) {
		close(next)
		wantErr(t, "Send", <-sent, eof.ErrShortBody)
		shutdown(t, life)
		io.WriteString(w, answer)
	})
	srv := httptest.NewUnstartedServer(mux)
	l := &lingering{Listener: srv.Listener}
	srv.Listener = l
	life.Attach(srv.Config)
	srv.Start()
	defer srv.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	br := bufio.NewReader(c)
	io.WriteString(c, "GET /slow HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
	res, err := http.ReadResponse(br, nil)
	read(t, res, err).want(t, 503, "too slow")
	io.WriteString(c, "GET /next HTTP/1.0\r\nHost: x\r\n\r\n")
	res, err = http.ReadResponse(br, nil)
	read(t, res, err).want(t, 200, answer)
	if n := l.n.Load(); n > 0 {
		t.Errorf("SetLinger was called %d times, want none", n)
	}
}
