package middleware_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// certificate is one for example.com, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

// TLS is on where srv.TLSConfig can serve it, in either protocol, and off elsewhere.
func TestServe_TLS(t *testing.T) {
	cert, pool := certificate(t)
	for _, c := range []struct {
		name   string
		config *tls.Config
		secure bool
	}{
		{"none", nil, false},
		{"no certificate", &tls.Config{MinVersion: tls.VersionTLS13}, false},
		{"Certificates", &tls.Config{Certificates: []tls.Certificate{cert}}, true},
		{"GetCertificate", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }}, true},
		{"GetConfigForClient", &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}, nil
		}}, true},
	} {
		for _, h2 := range []bool{false, true} {
			if h2 && !c.secure {
				continue
			}
			t.Run(fmt.Sprintf("%s, h2 %v", c.name, h2), func(t *testing.T) {
				t.Parallel()
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				worked := make(chan struct{})
				life := middleware.New(middleware.Options{Grace: time.Minute})
				srv := &http.Server{TLSConfig: c.config.Clone(), Handler: life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					fmt.Fprint(w, r.Proto, r.TLS != nil)
					if err := eof.Send(r.Context()); err != nil {
						t.Error(err)
					}
					close(worked)
				}))}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				served := make(chan error, 1)
				go func() { served <- life.Serve(ctx, srv, ln) }()
				tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"}, Protocols: new(http.Protocols)}
				tr.Protocols.SetHTTP1(!h2)
				tr.Protocols.SetHTTP2(h2)
				defer tr.CloseIdleConnections()
				scheme := map[bool]string{false: "http", true: "https"}[c.secure]
				res, err := (&http.Client{Transport: tr}).Get(scheme + "://" + ln.Addr().String())
				want := fmt.Sprint(map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[h2], c.secure)
				if status, text := answer(t, res, err); status != 200 || text != want {
					t.Errorf("answer = %d %q, want %q", status, text, want)
				}
				stop()
				if err := <-served; err != nil {
					t.Errorf("Serve() = %v, want nil", err)
				}
				<-worked
			})
		}
	}
}

func TestListenAndServe(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	life := middleware.New(middleware.Options{Last: func(context.Context) error { return errors.New("Last was called") }})
	srv := &http.Server{Addr: addr}

	err = life.ListenAndServe(t.Context(), srv)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), "middleware: ListenAndServe: listen tcp "+addr) {
		t.Errorf("ListenAndServe() on a taken port = %v, want %v at once", err, syscall.EADDRINUSE)
	}
	ln.Close()

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = life.ListenAndServe(ended, srv)
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "middleware: ListenAndServe: ") {
		t.Errorf("ListenAndServe() after the end of ctx = %v, want %v", err, context.Canceled)
	}

	srv.TLSConfig = &tls.Config{Certificates: make([]tls.Certificate, 1)}
	if err := life.ListenAndServe(t.Context(), srv); err == nil || !strings.Contains(err.Error(), "certificate 0") {
		t.Errorf("ListenAndServe() with an empty certificate = %v, want an error", err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("the port is open after ListenAndServe has failed, want it closed")
	}
	srv.TLSConfig = nil

	// The same server can begin after the failures.
	srv.Handler = life.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- life.ListenAndServe(ctx, srv) }()
	for {
		res, err := http.Get("http://" + addr)
		if errors.Is(err, syscall.ECONNREFUSED) {
			select {
			case err := <-served:
				t.Fatalf("ListenAndServe() = %v, want it to serve", err)
			default:
				continue // it has not begun
			}
		}
		if status, text := answer(t, res, err); status != 200 || text != "here" {
			t.Errorf("answer = %d %q, want 200", status, text)
		}
		break
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-served; err == nil || err.Error() != "Last was called" {
		t.Errorf("ListenAndServe() = %v, want what Last says", err)
	}
}

// Without an address the port is that of the protocol.
func TestListenAndServe_DefaultPort(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may listen there")
	}
	cert, _ := certificate(t)
	for want, srv := range map[string]*http.Server{
		"listen tcp :80: ":  {},
		"listen tcp :443: ": {TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}},
	} {
		ctx, stop := context.WithTimeout(t.Context(), time.Second) // in case it may
		err := middleware.New(middleware.Options{}).ListenAndServe(ctx, srv)
		stop()
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("ListenAndServe() = %v, want %q", err, want)
		}
	}
}
