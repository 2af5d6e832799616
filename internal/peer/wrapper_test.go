//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"crypto/tls"
	"net"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// withSyscallConn, withNetConn and opaque are the wrappers that one meets.
type withSyscallConn struct{ net.Conn }

func (w withSyscallConn) SyscallConn() (syscall.RawConn, error) {
	return w.Conn.(syscall.Conn).SyscallConn()
}

type withNetConn struct{ net.Conn }

func (w withNetConn) NetConn() net.Conn { return w.Conn }

type opaque struct{ net.Conn }

// itself names itself as the connection below.
type itself struct{ net.Conn }

func (w itself) NetConn() net.Conn { return w }

// refusing has a SyscallConn that does not work, and a NetConn that does.
type refusing struct{ net.Conn }

func (w refusing) SyscallConn() (syscall.RawConn, error) { return nil, syscall.EINVAL }
func (w refusing) NetConn() net.Conn                     { return w.Conn }

func TestWatch_Wrappers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		wrap func(net.Conn) net.Conn
		want peer.State // Closed where the FIN is seen
	}{
		{"SyscallConn", func(c net.Conn) net.Conn { return withSyscallConn{c} }, peer.Closed},
		{"NetConn", func(c net.Conn) net.Conn { return withNetConn{c} }, peer.Closed},
		{"tls", func(c net.Conn) net.Conn { return tls.Server(c, &tls.Config{}) }, peer.Closed},
		{"tls over both", func(c net.Conn) net.Conn {
			return tls.Server(withNetConn{withSyscallConn{c}}, &tls.Config{})
		}, peer.Closed},
		{"refusing SyscallConn", func(c net.Conn) net.Conn { return refusing{c} }, peer.Closed},
		{"opaque", func(c net.Conn) net.Conn { return opaque{c} }, peer.Unknown},
		{"itself", func(c net.Conn) net.Conn { return itself{c} }, peer.Unknown},
		{"nil below", func(net.Conn) net.Conn { return withNetConn{} }, peer.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server, client := pair(t)
			c, r := peer.New(tt.wrap(server)), newRecorder()
			if got, want := c.Watch(r), tt.want != peer.Unknown; got != want {
				t.Fatalf("Watch: got %v, want %v", got, want)
			}
			client.Close()
			if tt.want != peer.Unknown {
				r.want(t, tt.want)
			}
			settle(t)
			r.silent(t)
			if got := c.State(); got != tt.want {
				t.Errorf("State: got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWatch_Pipe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // and starts no goroutine in the bubble
		server, client := net.Pipe()
		defer server.Close()
		c, r := peer.New(server), newRecorder()
		if got := c.State(); got != peer.Unknown {
			t.Errorf("State: got %v, want Unknown", got)
		}
		if c.Watch(r) {
			t.Error("Watch: got true, want false")
		}
		client.Close()
		synctest.Wait()
		r.silent(t)
		c.Unwatch(r)
	})
}
