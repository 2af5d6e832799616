//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"crypto/tls"
	"net"
	"syscall"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// unhashable is a connection by value that cannot be a key of a map.
type unhashable struct {
	net.Conn
	buf []byte
}

// hidden can be neither a key nor unwrapped.
type hidden struct {
	*hiding
	buf []byte
}

func TestKey(t *testing.T) {
	t.Parallel()
	c, _ := pair(t)
	for _, nc := range []net.Conn{unhashable{c, nil}, &unhashable{c, nil}, embedding{unhashable{c, nil}}, c} {
		key := peer.Key(nc)
		if key == nil {
			t.Errorf("Key(%T) = nil, want one", nc)
		}
		if again := peer.Key(nc); again != key {
			t.Errorf("Key(%T) = %v and then %v, want the same", nc, key, again)
		}
		_ = map[any]bool{key: true} // it does not panic
	}
	for _, nc := range []net.Conn{nil, hidden{&hiding{c}, nil}, unhashable{}} {
		if key := peer.Key(nc); key != nil {
			t.Errorf("Key(%T) = %v, want nil", nc, key)
		}
	}
}

func TestAs(t *testing.T) {
	t.Parallel()
	c, _ := pair(t)
	secure := tls.Server(c, &tls.Config{})
	type state interface{ ConnectionState() tls.ConnectionState }
	for _, nc := range []net.Conn{secure, embeddingTLS{secure}, embedding{secure}, &embedding{embedding{secure}}} {
		if _, ok := peer.As[state](nc); !ok {
			t.Errorf("As(%T) finds no TLS, want it", nc)
		}
		if got := peer.Innermost(nc); got != c {
			t.Errorf("Innermost(%T) = %T, want the socket", nc, got)
		}
		if got, ok := peer.As[syscall.Conn](nc); !ok || got != c {
			t.Errorf("As(%T) finds %T, want the socket", nc, got)
		}
	}
	for _, nc := range []net.Conn{c, embedding{c}, &hiding{secure}, itself{c}, nil} {
		if _, ok := peer.As[state](nc); ok {
			t.Errorf("As(%T) finds TLS, want none", nc)
		}
	}
}

// A descriptor that is none takes nothing from others.
func TestWatch_AfterABadDescriptor(t *testing.T) {
	t.Parallel()
	for _, fd := range []uintptr{^uintptr(0), 1 << 31, 1 << 30} {
		server, client := pair(t)
		if bad := peer.New(numbered{&hiding{server}, fd}); bad.Watch(newRecorder()) || bad.State() != peer.Unknown {
			t.Errorf("descriptor %d: it is watched, want it refused", fd)
		}
		c, r := peer.New(server), newRecorder()
		if !c.Watch(r) {
			t.Fatal("Watch: got false, want true")
		}
		client.Close()
		r.want(t, peer.Closed)
	}
}
