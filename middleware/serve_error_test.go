package middleware_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// idleListener is one that nobody dials.
type idleListener struct {
	closed chan struct{}
	failed error // of Accept; nil: it waits
}

func newIdle(failed error) *idleListener { return &idleListener{make(chan struct{}), failed} }

func (l *idleListener) Accept() (net.Conn, error) {
	if l.failed != nil {
		return nil, l.failed
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *idleListener) Close() error {
	select {
	case <-l.closed:
		return net.ErrClosed
	default:
		close(l.closed)
		return nil
	}
}

func (l *idleListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *idleListener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// What cannot begin is refused at once: the listener is closed, no goroutine is left
// (the bubble would say so), nothing drains, and Last is not called.
func TestServe_Refuses(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	down := func(srv *http.Server) { _ = srv.Shutdown(context.Background()) }
	for _, c := range []struct {
		name   string
		ctx    context.Context
		change func(*http.Server)
		want   string
		is     error
	}{
		{"ctx has ended", ended, func(*http.Server) {}, "middleware: Serve: context canceled", context.Canceled},
		{"empty certificate", context.Background(), func(srv *http.Server) {
			srv.TLSConfig = &tls.Config{Certificates: make([]tls.Certificate, 1)}
		}, "middleware: Serve: the certificate 0 of TLSConfig is empty", nil},
		{"TLS that HTTP/2 cannot have", context.Background(), func(srv *http.Server) {
			srv.TLSConfig = &tls.Config{
				GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
				MaxVersion:     tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
			}
		}, "middleware: Serve: http2: ", nil},
		{"shut down before", context.Background(), down, "middleware: Serve: http: Server closed", http.ErrServerClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				life := newLife(t, middleware.Options{Last: func(context.Context) error {
					t.Error("Last was called, want it left alone")
					return nil
				}})
				srv := &http.Server{}
				c.change(srv)
				ln := newIdle(nil)
				began := time.Now()
				err := life.Serve(c.ctx, srv, ln)
				if err == nil || !strings.HasPrefix(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("Serve() = %v, want %q", err, c.want)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("Serve took %v, want an error at once", took)
				}
				if !ln.isClosed() {
					t.Error("the listener is open, want it closed")
				}
			})
		})
	}
}

// A server that could not begin does not count as one that serves, nor as one that has
// shut down: the tasks of the others go on.
func TestServe_FailureLeavesOthersAlone(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := &shared{newLife(t, middleware.Options{}), make(chan error, 8), make(chan bool, 8)}
		first := s.start(t, p)
		get(t, first, "/")
		s.want(t, "before", 0, nil)
		srv := &http.Server{TLSConfig: &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
			MaxVersion:     tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		}}
		if err := s.life.Serve(t.Context(), srv, newIdle(nil)); err == nil {
			t.Error("Serve() = nil, want an error")
		}
		get(t, first, "/")
		s.want(t, "after a failure of another server", 0, nil)
		if err := first.Config.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := len(s.premature); n != 2 {
			t.Errorf("%d tasks have run after the shutdown of the only server, want 2", n)
		}
	})
}

// A listener that fails ends Serve with its error, after the drain.
func TestServe_ListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := make(chan struct{}, 1)
		life := newLife(t, middleware.Options{Last: func(context.Context) error { last <- struct{}{}; return nil }})
		failed := errors.New("accept: on purpose")
		if err := life.Serve(t.Context(), &http.Server{}, newIdle(failed)); !errors.Is(err, failed) {
			t.Errorf("Serve() = %v, want %v", err, failed)
		}
		take(t, last, "Last")
	})
}

func TestNew_BadServeOptions(t *testing.T) {
	for _, c := range []struct {
		o    middleware.Options
		want string
	}{
		{middleware.Options{Grace: -1}, "middleware.New: negative option, got Grace -1ns, Lag 0s"},
		{middleware.Options{Lag: -1}, "middleware.New: negative option, got Grace 0s, Lag -1ns"},
		{middleware.Options{Lag: 27 * time.Second}, "middleware.New: Lag is part of Grace, got Lag 27s, Grace 27s"},
		{middleware.Options{Background: eof.Options{Timeout: -1}}, "eof.New: negative option, got Running 0, Pending 0, Detached 0, Timeout -1ns"},
	} {
		func() {
			defer func() {
				if got := recover(); got != c.want {
					t.Errorf("New(%+v) panics with %v, want %q", c.o, got, c.want)
				}
			}()
			middleware.New(c.o)
		}()
	}
}

// What a client has a say in is short in the error of a drain, and in one line.
func TestServe_NamesAreCut(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{Grace: 20 * time.Second})
		s := serveBy(t, p, life, m.wrap(life, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(16 * time.Second) })))
		long := strings.Repeat("A", 3000)
		s.Begin(s.NewRequest(long, "/%0a%22"+long, nil))
		synctest.Wait()
		s.stop()
		s.returned(t, 16*time.Second, fmt.Sprintf(`middleware: shutdown cut off 1 request (%.64s... "/\n\"%.61s..." 15.0s): context deadline exceeded`, long, long))
	})
}

// The error of a drain names ten of many requests.
func TestServe_NamesTen(t *testing.T) {
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, middleware.Options{Grace: 20 * time.Second})
		mux := http.NewServeMux()
		mux.Handle("GET /deaf", m.wrap(life, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(16 * time.Second) })))
		s := serveBy(t, p, life, mux)
		for range 11 {
			s.Begin(s.NewRequest("GET", "/deaf", nil))
		}
		synctest.Wait()
		s.stop()
		s.returned(t, 16*time.Second, "middleware: shutdown cut off 11 requests ("+strings.Repeat("GET /deaf 15.0s, ", 10)+"...): context deadline exceeded")
	})
}

// What is cut off need not be a request of lastbyte.
func TestServe_CutsForeignRequests(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		s := serveBy(t, p, newLife(t, middleware.Options{Grace: 20 * time.Second}), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			time.Sleep(16 * time.Second)
		}))
		s.Begin(s.NewRequest("GET", "/", nil))
		synctest.Wait()
		s.stop()
		s.returned(t, 15*time.Second, "middleware: shutdown cut off connections that were not idle: context deadline exceeded")
	})
}
