package stress_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// link is what a client speaks.
type link struct{ h2, secure bool }

var links = []link{{}, {secure: true}, {h2: true}, {h2: true, secure: true}}

func (k link) String() string {
	name := map[bool]string{false: "h1", true: "h2"}[k.h2]
	if k.secure {
		name += " TLS"
	}
	return name
}

// of is r's link.
func of(r *http.Request) link { return link{h2: r.ProtoMajor == 2, secure: r.TLS != nil} }

// site is where a client the server.
type site struct {
	address        string
	arrived, calls atomic.Int64 // requests and callbacks
}

// late has the clients' addresses of the HTTP/2 connections that net/http closed because
// no SETTINGS frame had arrived two seconds after they were accepted, which a crowded
// machine brings about. It is the server's ErrorLog.
type late struct{ addrs sync.Map }

func (l *late) Write(line []byte) (int, error) {
	if _, addr, ok := strings.Cut(string(line), "timeout waiting for SETTINGS frames from "); ok {
		l.addrs.Store(strings.TrimSpace(addr), true)
	}
	return len(line), nil
}

// listen serves HTTP/1 and HTTP/2 on one port, and both over TLS on another.
func (c *chaos) listen(t *testing.T) (stop func(context.Context) error) {
	t.Helper()
	srv := &http.Server{Handler: c.handler(), Protocols: new(http.Protocols), ErrorLog: log.New(&c.late, "", 0)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate()}}
	srv.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if t, ok := conn.(*tls.Conn); ok {
			remember(c, t)
			conn = t.NetConn()
		}
		remember(c, conn.(*net.TCPConn))
		return ctx
	}
	c.life.Attach(srv)
	c.sites = map[link]*site{}
	var served sync.WaitGroup
	for _, secure := range []bool{false, true} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		for _, h2 := range []bool{false, true} {
			c.sites[link{h2, secure}] = &site{address: ln.Addr().String()}
		}
		served.Go(func() {
			if secure {
				_ = srv.ServeTLS(ln, "", "")
			} else {
				_ = srv.Serve(ln)
			}
		})
	}
	return func(ctx context.Context) error {
		err := srv.Shutdown(ctx)
		served.Wait()
		return err
	}
}

// certificate is made now, and of the kind that costs least.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, like, like, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// believe: the certificate is the one above.
func believe() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// remember counts what p points to for as long as it is reachable.
func remember[T any](c *chaos, p *T) {
	c.held.Add(1)
	runtime.AddCleanup(p, func(held *atomic.Int64) { held.Add(-1) }, &c.held)
}
