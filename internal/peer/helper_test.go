//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"net"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// network makes pairs of connected loopback sockets.
type network struct {
	tb testing.TB
	ln *net.TCPListener
}

func newNetwork(tb testing.TB) *network {
	tb.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatalf("ListenTCP: got %v, want a listener", err)
	}
	tb.Cleanup(func() { ln.Close() })
	return &network{tb, ln}
}

// pair returns both ends of a new connection, for the test to close.
func (n *network) pair() (server, client *net.TCPConn) {
	n.tb.Helper()
	client, err := net.DialTCP("tcp", nil, n.ln.Addr().(*net.TCPAddr))
	if err != nil {
		n.tb.Fatalf("DialTCP: got %v, want a connection", err)
	}
	server, err = n.ln.AcceptTCP()
	if err != nil {
		n.tb.Fatalf("AcceptTCP: got %v, want a connection", err)
	}
	return server, client
}

// pair is for tests that need just one connection; the cleanup closes it.
func pair(tb testing.TB) (server, client *net.TCPConn) {
	tb.Helper()
	server, client = newNetwork(tb).pair()
	tb.Cleanup(func() { reset(server); reset(client) })
	return server, client
}

// reset sends an RST, which also spares the port its TIME_WAIT.
func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// recorder is a Watcher that keeps what it is told.
type recorder chan peer.State

func newRecorder() recorder { return make(recorder, 8) }

func (r recorder) PeerGone(s peer.State) { r <- s }

// want waits for the next call of PeerGone.
func (r recorder) want(tb testing.TB, want peer.State) {
	tb.Helper()
	select {
	case got := <-r:
		if got != want {
			tb.Fatalf("PeerGone: got %v, want %v", got, want)
		}
	case <-tb.Context().Done():
		tb.Fatalf("PeerGone: got no call, want %v", want)
	}
}

// silent fails if there was a call that nobody wanted.
func (r recorder) silent(tb testing.TB) {
	tb.Helper()
	select {
	case got := <-r:
		tb.Fatalf("PeerGone: got %v, want no call", got)
	default:
	}
}

// watch makes w the watcher of c or fails. The cleanup keeps c reachable until
// the test ends: a Conn that nobody will call Unwatch of is collected.
func watch(tb testing.TB, c *peer.Conn, w peer.Watcher) {
	tb.Helper()
	watchOnly(tb, c, w)
	tb.Cleanup(func() { c.Unwatch(w) })
}

// watchOnly is watch without the cleanup, for many connections.
func watchOnly(tb testing.TB, c *peer.Conn, w peer.Watcher) {
	tb.Helper()
	if !c.Watch(w) {
		tb.Fatalf("Watch: got false, want true (State %v)", c.State())
	}
}

// settle returns when all events have been delivered that were there before:
// the kernel's queue is first in, first out, and one goroutine empties it.
func settle(tb testing.TB) {
	tb.Helper()
	server, client := pair(tb)
	c, r := peer.New(server), newRecorder()
	watchOnly(tb, c, r)
	reset(client)
	r.want(tb, peer.Reset)
	c.Unwatch(r)
}
