package middleware_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
	"github.com/lastbyte-go/lastbyte/thread"
)

// dropping are the codes that drop a connection.
var dropping = []exitcode.Code{exitcode.Error, 408, exitcode.Close, exitcode.ClientClosedRequest}

// panicOf gives what f panics with, nil if it does not.
func panicOf(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// fcgi is a writer like those of net/http/fcgi and cgi: nothing of it can be cut.
type fcgi struct{ *httptest.ResponseRecorder }

func (f fcgi) Header() http.Header         { return f.ResponseRecorder.Header() }
func (f fcgi) Write(p []byte) (int, error) { return f.ResponseRecorder.Write(p) }
func (f fcgi) WriteHeader(status int)      { f.ResponseRecorder.WriteHeader(status) }

// Where nothing can be cut and nobody recovers, an exit
// that drops gives an empty response, never a panic.
func TestX19_NothingCanBeCut(t *testing.T) {
	for _, m := range mounts {
		for _, code := range dropping {
			for _, how := range []string{"exit", "throw", "thread"} {
				var out middleware.Outcome
				life := newLife(t, middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { out = o }})
				h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/plain")
					w.Header().Set("Content-Length", "5")
					switch how {
					case "exit":
						exitcode.Exit(r.Context(), code)
					case "throw":
						exitcode.Throw(r.Context(), code)
					case "thread":
						thread.Spawn(r.Context(), func(ctx context.Context) error { return exitcode.Exit(ctx, code) })
					}
				}))
				rec := httptest.NewRecorder()
				if v := panicOf(func() {
					h.ServeHTTP(fcgi{rec}, httptest.NewRequest("GET", "http://example.com/", nil))
				}); v != nil {
					t.Errorf("%s, %s(%d): panic %v, want none", m.name, how, code, v)
				}
				want := int(code)
				if code == exitcode.Error {
					want = 500
				}
				if rec.Code != want || rec.Body.Len() > 0 || rec.Header().Get("Content-Length") != "0" || rec.Header()["Content-Type"] != nil {
					t.Errorf("%s, %s(%d): answer %d %v %q, want an empty %d", m.name, how, code, rec.Code, rec.Header(), rec.Body, want)
				}
				if out.Status != want || out.Sent != want {
					t.Errorf("%s, %s(%d): Outcome %d, sent %d, want %d", m.name, how, code, out.Status, out.Sent, want)
				}
			}
		}
	}
}

// With the header sent the response ends as it stands.
func TestX19_NothingCanBeCutAfterHeader(t *testing.T) {
	for _, m := range mounts {
		for _, code := range dropping {
			life := newLife(t, middleware.Options{})
			h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "part")
				flush(w)
				exitcode.Exit(r.Context(), code)
			}))
			rec := httptest.NewRecorder()
			if v := panicOf(func() { h.ServeHTTP(rec, httptest.NewRequest("GET", "http://example.com/", nil)) }); v != nil {
				t.Errorf("%s, Exit(%d): panic %v, want none", m.name, code, v)
			}
			if rec.Code != 200 || rec.Body.String() != "part" {
				t.Errorf("%s, Exit(%d): answer %d %q, want 200 part", m.name, code, rec.Code, rec.Body)
			}
		}
	}
}

// quic is a writer like that of quic-go's http3 server: its deadlines give nil
// and reset nothing.
type quic struct{ fcgi }

func (quic) Flush()                             {}
func (quic) FlushError() error                  { return nil }
func (quic) SetReadDeadline(time.Time) error    { return nil }
func (q quic) SetWriteDeadline(time.Time) error { return nil }

// A deadline that is not known to cut does not count; the
// server is told by its own panic, on its own goroutine.
func TestTransport_UnprovenCutPanics(t *testing.T) {
	for _, m := range mounts {
		for _, code := range dropping {
			for _, flushed := range []bool{false, true} {
				life := newLife(t, middleware.Options{})
				h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if flushed {
						io.WriteString(w, "half")
						flush(w)
					}
					exitcode.Exit(r.Context(), code)
				}))
				req := httptest.NewRequest("GET", "http://example.com/", nil)
				req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/3.0", 3, 0
				rec := httptest.NewRecorder()
				if v := panicOf(func() { h.ServeHTTP(quic{fcgi{rec}}, req) }); v != http.ErrAbortHandler {
					t.Errorf("%s, Exit(%d), flushed %v: panic %v, want %v", m.name, code, flushed, v, http.ErrAbortHandler)
				}
			}
		}
	}
}

// Behind a writer that hides net/http's, the connection is
// cut by its own handle, and outer middlewares see no panic.
func TestTransport_CutByHandleWithoutPanic(t *testing.T) {
	for _, m := range mounts {
		for _, code := range dropping {
			for _, flushed := range []bool{false, true} {
				pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
					if p == pipenet.HTTP1 {
						cutByHandle(t, m, code, flushed)
					}
				})
			}
		}
	}
}

func cutByHandle(t *testing.T, m mount, code exitcode.Code, flushed bool) {
	life, panics := newLife(t, middleware.Options{}), make(chan any, 1)
	h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if flushed {
			io.WriteString(w, "half")
			flush(w)
		}
		exitcode.Exit(r.Context(), code)
		time.Sleep(time.Hour)
	}))
	s := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		panics <- panicOf(func() {
			h.ServeHTTP(struct {
				bare
				flushes
			}{bare{w}, flushes{w}}, r)
		})
	}), func(srv *http.Server) { life.Attach(srv) })
	c, begin := s.Dial(), time.Now()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nGET / HTT") // and this is no request
	got, err := io.ReadAll(c)
	if err != nil || time.Since(begin) > time.Minute {
		t.Errorf("Exit(%d): the client reads until %v, %v, want the end at once", code, time.Since(begin), err)
	}
	if flushed != bytes.HasSuffix(got, []byte("half\r\n")) || !flushed && len(got) > 0 {
		t.Errorf("Exit(%d), flushed %v: the client reads %q", code, flushed, got)
	}
	time.Sleep(2 * time.Hour)
	if v := take(t, panics, "end of the handler"); v != nil {
		t.Errorf("Exit(%d): outer handlers see the panic %v, want none", code, v)
	}
	if _, err := c.Write([]byte("P / HTTP/1.1\r\nHost: x\r\n\r\n")); err == nil {
		t.Errorf("Exit(%d): the connection is open after the cut, want it closed", code)
	}
}

// unhashable is a connection that can be no key of a map.
type unhashable struct {
	net.Conn
	buf []byte
}

type unhashableListener struct{ net.Listener }

func (l unhashableListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return unhashable{c, nil}, err
}

// Net/http accepts a connection whose value cannot be
// compared. Attach does, too, and forgets nothing for it.
func TestAttach_UnhashableConn(t *testing.T) {
	life, ran := middleware.New(middleware.Options{}), make(chan struct{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: life.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := middleware.From(r.Context())
		c.Defer(func(context.Context) { close(ran) })
		io.WriteString(w, "served")
	}))}
	life.Attach(srv)
	life.Attach(srv) // a second one finds the first one's connection
	served := make(chan error, 1)
	go func() { served <- srv.Serve(unhashableListener{ln}) }()
	var client http.Client
	res, err := client.Get("http://" + ln.Addr().String())
	if status, text := answer(t, res, err); status != 200 || text != "served" {
		t.Errorf("answer = %d %q, want 200 served", status, text)
	}
	<-ran
	client.CloseIdleConnections()
	srv.Close()
	if err := <-served; err != http.ErrServerClosed {
		t.Errorf("Serve() = %v, want %v", err, http.ErrServerClosed)
	}
	if err := life.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown() = %v, want nil", err)
	}
}
