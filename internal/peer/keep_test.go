//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// TestKeep: the socket tells who left first, also after its Close.
func TestKeep(t *testing.T) {
	t.Parallel()
	for _, want := range []peer.State{peer.Alive, peer.Closed, peer.Reset} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		server, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		k, ok := peer.New(server).Keep()
		if !ok {
			t.Fatal("Keep() = false, want true")
		}
		if want != peer.Alive {
			if want == peer.Reset {
				_ = client.(*net.TCPConn).SetLinger(0)
			}
			client.Close()
			_, _ = io.Copy(io.Discard, server)
		}
		server.Close()
		if got := k.State(); got != want {
			t.Errorf("State() = %v, want %v", got, want)
		}
		k.Close()
		if want == peer.Alive { // the Close has arrived now
			_ = client.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the client's Read() = %v, want EOF", err)
			}
		}
	}
}
