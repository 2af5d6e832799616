package nethttp_test

import (
	"crypto/tls"
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
