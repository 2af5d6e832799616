package nethttp_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// embeds is a connection that is TLS by what it embeds.
type embeds struct{ *tls.Conn }

func TestClosingTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	c, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, nc := range []net.Conn{c, embeds{c}} {
		if !nethttp.IsTLS(nc) || nethttp.ClosingTLS(nc) {
			t.Errorf("%T: IsTLS() = %v, ClosingTLS() = %v, want true, false", nc, nethttp.IsTLS(nc), nethttp.ClosingTLS(nc))
		}
	}
	if plain := c.NetConn(); nethttp.IsTLS(plain) || nethttp.ClosingTLS(plain) {
		t.Errorf("%T: IsTLS or ClosingTLS = true, want false", plain)
	}
	c.Close()
	for _, nc := range []net.Conn{c, embeds{c}} {
		if !nethttp.ClosingTLS(nc) {
			t.Errorf("%T: ClosingTLS() = false after Close, want true", nc)
		}
	}
}

// tlsPair gives both ends of a TLS connection over loopback.
func tlsPair(t *testing.T, version uint16) (server, client *tls.Conn) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	defer srv.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	out, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close(); in.Close() })
	client = tls.Client(out, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	server = tls.Server(counting{in, new(int)}, &tls.Config{Certificates: srv.TLS.Certificates})
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	if err := errors.Join(server.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// counting counts the bytes that are written.
type counting struct {
	net.Conn
	n *int
}

func (c counting) Write(p []byte) (int, error) {
	*c.n += len(p)
	return c.Conn.Write(p)
}

// A close_notify has the size of an alert.
func TestAlertSize(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server, _ := tlsPair(t, version)
		written := server.NetConn().(counting).n
		before := *written
		server.CloseWrite()
		if got, want := nethttp.AlertSize(server), *written-before; got != want {
			t.Errorf("%s: AlertSize() = %d, want %d, as a close_notify has", tls.VersionName(version), got, want)
		}
	}
}

// CloseWrite of a connection that has been closed gives what came of its
// close_notify.
func TestCloseNotifyError(t *testing.T) {
	t.Parallel()
	for _, reset := range []bool{false, true} {
		server, client := tlsPair(t, tls.VersionTLS13)
		if reset {
			client.NetConn().(*net.TCPConn).SetLinger(0)
			client.NetConn().Close()
			server.Read(make([]byte, 1)) // the reset has come
		}
		server.Close()
		if err := nethttp.CloseNotifyError(server); (err != nil) != reset {
			t.Errorf("CloseNotifyError() = %v, the client had reset the connection before: %v", err, reset)
		}
	}
}
