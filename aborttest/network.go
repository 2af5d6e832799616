package aborttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// host is the name of the server, which its certificate has.
const host = "example.com"

// network is where client and server meet: memory, or the loopback interface.
type network struct {
	net.Listener
	dialer func(context.Context) (net.Conn, error)

	mu    sync.Mutex
	conns []*Conn // the client's ends, in the order of their dials
}

// memory is a network inside a bubble.
func memory() *network {
	l := pipenet.Listen(true)
	return &network{Listener: l, dialer: func(ctx context.Context) (net.Conn, error) {
		c, err := l.Dial(ctx)
		if err != nil {
			return nil, err // and no nil *pipenet.Conn in a net.Conn
		}
		return c, nil
	}}
}

// loopback is a network of sockets.
func loopback() (*network, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &network{Listener: l, dialer: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}}, nil
}

func (n *network) dial(ctx context.Context) (*Conn, error) {
	c, err := n.dialer(ctx)
	if err != nil {
		return nil, err
	}
	k := newConn(c)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, k)
	return k, nil
}

// from gives the connection that the server knows by the address addr, nil if there
// is none.
func (n *network) from(addr string) *Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		if c.LocalAddr().String() == addr {
			return c
		}
	}
	return nil
}

// hangUp closes the client's ends.
func (n *network) hangUp() {
	n.mu.Lock()
	conns := n.conns
	n.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // most are closed already
	}
}

// certificate makes one for host, and a pool that trusts it. It is valid at the time
// of a bubble as well as now.
func certificate() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: host},
		DNSNames:              []string{host},
		NotBefore:             time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2190, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool, nil
}
