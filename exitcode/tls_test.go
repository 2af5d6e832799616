package exitcode_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// The end of a TLS connection that is dropped is a close_notify: the client
// reads io.EOF, not a bad record and not a connection cut short.
func TestX5_TLSClosesCleanly(t *testing.T) {
	for _, wrap := range tlsWrappers {
		testClosesCleanly(t, wrap)
	}
}

func testClosesCleanly(t *testing.T, wrap func(*tls.Conn) net.Conn) {
	for _, path := range []string{"/444", "/499", "/408", "/-1"} {
		for _, how := range []string{"", "?work", "?write", "?flush"} {
			t.Run(path[1:]+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { closesCleanly(t, wrap, path+how) })
			})
		}
	}
}

func closesCleanly(t *testing.T, wrap func(*tls.Conn) net.Conn, path string) {
	c := dialWrappedTLS(t, wrap, func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case q.Has("write"): // more than one record, not flushed
			io.WriteString(w, strings.Repeat("x", 3000))
		case q.Has("flush"):
			io.WriteString(w, "part")
			http.NewResponseController(w).Flush()
		}
		isErr(t, "Exit", exitcode.Exit(r.Context(), pathCode(r)), nil)
		if r.URL.Query().Has("work") {
			time.Sleep(time.Hour)
		}
	})
	begin := time.Now()
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: example.com\r\n\r\n"); err != nil {
		t.Fatalf("sending the request: %v", err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("reading until the server closes = %v, want io.EOF", err)
	}
	if strings.HasSuffix(path, "flush") {
		if !strings.HasSuffix(string(b), "\r\n\r\n4\r\npart\r\n") {
			t.Errorf("the client reads %q, want a header and \"part\" without a last chunk", b)
		}
	} else if len(b) > 0 {
		t.Errorf("the client reads %q, want nothing", b)
	}
	check(t, "end of the connection", time.Since(begin), 0)
}

// dialWrappedTLS gives a client's connection to a TLS server of h on HTTP/1 over a
// pipe, both of which the test's end closes. The server's listener wraps its
// connections.
func dialWrappedTLS(t *testing.T, wrap func(*tls.Conn) net.Conn, h handlerFunc) *tls.Conn {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("GenerateKey: %v", err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("CreateCertificate: %v", err)
	}
	client, srvConn := pipenet.Pipe(pipenet.Window)
	l := &oneConn{ch: make(chan net.Conn, 1)}
	l.ch <- wrap(tls.Server(srvConn, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	srv := &http.Server{
		Handler:  exitcode.New(exitcode.Options{})(http.HandlerFunc(h)),
		ErrorLog: log.New(t.Output(), "", 0),
	}
	attach(srv)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		client.Close()
		srv.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve = %v, want %v", err, http.ErrServerClosed)
		}
		time.Sleep(2 * time.Hour) // of the bubble's: a handler may still be at work
	})
	_ = client.SetReadDeadline(time.Now().Add(24 * time.Hour)) // a pipe's does not fail
	return tls.Client(client, &tls.Config{InsecureSkipVerify: true})
}

// oneConn is a listener of the connections in ch.
type oneConn struct {
	ch   chan net.Conn
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.ch; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.ch) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443} }
