package nethttp_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// These tests are canaries: each fails when net/http no longer does what this
// package says of it. Read from go1.26.8 and go1.27.3.

// wrapper is what most middlewares put around a writer.
type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// opaque hides what it wraps.
type opaque struct{ http.ResponseWriter }

// full has every method of an HTTP/1 writer and is none.
type full struct {
	http.ResponseWriter
	http.Flusher
	http.Hijacker
	io.ReaderFrom
	io.StringWriter
	nethttp.CloseNotifier
	control
}

type control interface {
	FlushError() error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	EnableFullDuplex() error
}

func fullOf(w http.ResponseWriter) full {
	return full{w, w.(http.Flusher), w.(http.Hijacker), w.(io.ReaderFrom), w.(io.StringWriter),
		w.(nethttp.CloseNotifier), w.(control)}
}

// serve has h serve one request that has a body, and gives the answer to it.
func serve(t *testing.T, p pipenet.Proto, h http.HandlerFunc) (*http.Response, []byte) {
	t.Helper()
	s := pipenet.Start(t, p, h)
	res, err := s.Do(s.NewRequest("POST", "/", strings.NewReader("hello")))
	if err != nil {
		t.Fatalf("Do() = %v, want a response", err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	return res, body
}

func protocol(p pipenet.Proto) nethttp.Protocol {
	if p == pipenet.HTTP2 {
		return nethttp.HTTP2
	}
	return nethttp.HTTP1
}

func TestServer(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		want := protocol(p)
		serve(t, p, func(w http.ResponseWriter, r *http.Request) {
			if got := nethttp.Of(w); got != want {
				t.Errorf("Of(server's writer) = %v, want %v", got, want)
			}
			if got := nethttp.Of(wrapper{w}); got != nethttp.Unknown {
				t.Errorf("Of(wrapper) = %v, want unknown", got)
			}
			for name, outer := range map[string]http.ResponseWriter{
				"itself": w, "wrapper": wrapper{w}, "two": wrapper{wrapper{w}},
			} {
				if got, q := nethttp.Server(outer); got != w || q != want {
					t.Errorf("%s: Server() = %T, %v, want %T, %v", name, got, q, w, want)
				}
				if got := nethttp.Innermost(outer); got != w {
					t.Errorf("%s: Innermost() = %T, want %T", name, got, w)
				}
			}
			if got, q := nethttp.Server(opaque{w}); got != nil || q != nethttp.Unknown {
				t.Errorf("opaque: Server() = %T, %v, want nil, unknown", got, q)
			}
			if got, want := nethttp.IsOwn(w), p == pipenet.HTTP1; got != want {
				t.Errorf("IsOwn() = %v, want %v", got, want)
			}
			if p == pipenet.HTTP1 {
				f := fullOf(w)
				if _, q := nethttp.Server(f); q != nethttp.HTTP1 || nethttp.IsOwn(f) {
					t.Errorf("full: Server() = %v, IsOwn() = %v, want HTTP/1, false", q, nethttp.IsOwn(f))
				}
			}
		})
	})
}

// nilBelow and itself have an Unwrap that leads nowhere.
type nilBelow struct{ http.ResponseWriter }

func (nilBelow) Unwrap() http.ResponseWriter { return nil }

type itself struct{ http.ResponseWriter }

func (w itself) Unwrap() http.ResponseWriter { return w }

func TestInnermost_Nowhere(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	for _, w := range []http.ResponseWriter{rec, nilBelow{rec}, itself{rec}, opaque{rec}} {
		if got := nethttp.Innermost(w); got != w {
			t.Errorf("Innermost(%T) = %T, want the same", w, got)
		}
		if got, p := nethttp.Server(w); got != nil || p != nethttp.Unknown {
			t.Errorf("Server(%T) = %T, %v, want nil, unknown", w, got, p)
		}
		if nethttp.IsOwn(w) || nethttp.CloseAfterResponse(w) {
			t.Errorf("%T: IsOwn or CloseAfterResponse = true, want false", w)
		}
	}
}

// With the header written, or not, the connection is closed after the response;
// the client is told where that is still possible.
func TestCloseAfterResponse(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for _, early := range []bool{true, false} {
			h := func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if !early {
					w.WriteHeader(201)
					http.NewResponseController(w).Flush()
				}
				if got, want := nethttp.CloseAfterResponse(wrapper{w}), p == pipenet.HTTP1; got != want {
					t.Errorf("CloseAfterResponse() = %v, want %v", got, want)
				}
			}
			var closed bool
			s := pipenet.Start(t, p, http.HandlerFunc(h), func(srv *http.Server) {
				srv.IdleTimeout = time.Hour
			})
			res, err := s.Do(s.NewRequest("POST", "/", strings.NewReader("hello")))
			if err != nil {
				t.Fatalf("Do() = %v, want a response", err)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if p == pipenet.HTTP2 {
				continue
			}
			if res.Close != early {
				t.Errorf("early %v: response.Close = %v, want %v", early, res.Close, early)
			}
			time.Sleep(2 * time.Second) // net/http lingers for half a second
			synctest.Wait()
			_, err = s.Conns()[0].Write([]byte("x"))
			closed = err != nil
			if !closed {
				t.Errorf("early %v: the connection is open after the response, want it closed", early)
			}
		}
	})
}

func TestBufferSize(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		for _, size := range []int{nethttp.BufferSize, nethttp.BufferSize + 1} {
			res, body := serve(t, p, func(w http.ResponseWriter, r *http.Request) {
				w.Write(bytes.Repeat([]byte("x"), size))
			})
			if p == pipenet.HTTP1 && (res.ContentLength > 0) != (size == nethttp.BufferSize) || len(body) != size {
				t.Errorf("%d bytes: Content-Length %d, %d bytes arrive", size, res.ContentLength, len(body))
			}
		}
	})
}

// A write deadline in the past keeps back what is not sent yet, and the client
// does not take what it got for a whole response.
func TestServer_CutsByDeadline(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half")
			http.NewResponseController(w).Flush()
			server, _ := nethttp.Server(wrapper{w})
			if err := server.(control).SetWriteDeadline(time.Unix(1, 0)); err != nil {
				t.Errorf("SetWriteDeadline() = %v, want nil", err)
			}
		}))
		res, err := s.Get("/")
		if err != nil {
			t.Fatalf("Get() = %v, want a response", err)
		}
		defer res.Body.Close()
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Error("the client reads a whole body, want an error")
		}
	})
}

// The reader of an HTTP/1 server tells CloseNotify that the client has gone; the
// HTTP/2 server is not asked.
func TestNotified(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		begun, told := make(chan struct{}), make(chan struct{})
		s := pipenet.Start(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(told)
			if notified, known := nethttp.Notified(wrapper{w}); notified || known != (p == pipenet.HTTP1) {
				t.Errorf("Notified() = %v, %v while the client is there", notified, known)
			}
			close(begun)
			<-r.Context().Done()
			time.Sleep(time.Second)
			if notified, known := nethttp.Notified(wrapper{w}); known && !notified {
				t.Error("Notified() = false after the client has gone, want true")
			}
		}))
		ctx, cancel := context.WithCancel(t.Context())
		call := s.Begin(s.NewRequest("GET", "/", nil).WithContext(ctx))
		<-begun
		cancel()
		<-told
		call.Wait()
	})
}

// What the HTTP/2 server says of a connection that is gone.
func TestIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, failed := make(chan struct{}), make(chan error, 1)
		s := pipenet.Start(t, pipenet.HTTP2, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			<-r.Context().Done()
			_, err := r.Body.Read(make([]byte, 1))
			failed <- err
		}))
		body, w := io.Pipe()
		defer w.Close()
		call := s.Begin(s.NewRequest("POST", "/", body))
		<-begun
		s.Conns()[0].Close()
		if err := <-failed; err == nil || !nethttp.IsDisconnected(err) {
			t.Errorf("Read() = %v, want the error that IsDisconnected knows", err)
		}
		call.Wait()
	})
}

func TestIsTimeoutWriter(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		inside := http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !nethttp.IsTimeoutWriter(w) {
				t.Error("IsTimeoutWriter inside an http.TimeoutHandler = false, want true")
			}
		}), time.Minute, "")
		serve(t, p, func(w http.ResponseWriter, r *http.Request) {
			if nethttp.IsTimeoutWriter(w) || nethttp.IsTimeoutWriter(opaque{w}) {
				t.Error("IsTimeoutWriter of a server's writer = true, want false")
			}
			inside.ServeHTTP(w, r)
		})
	})
}
