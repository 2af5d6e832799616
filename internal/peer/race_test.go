//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// strict is a Watcher that knows when it must not be called any more.
type strict struct {
	running, off atomic.Bool
	late         atomic.Bool
}

func (s *strict) PeerGone(peer.State) {
	s.running.Store(true)
	if s.off.Load() {
		s.late.Store(true)
	}
	runtime.Gosched() // gives Unwatch the time to return too early
	s.running.Store(false)
}

// TestUnwatch_RacesWithEvent: PeerGone is never called after Unwatch, and the
// event is not lost: whoever watches next is told.
func TestUnwatch_RacesWithEvent(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	leave := make(chan *net.TCPConn)
	defer close(leave)
	go func() {
		for client := range leave {
			reset(client)
		}
	}()
	for round := range 10_000 {
		server, client := n.pair()
		c, first, next := peer.New(server), &strict{}, newRecorder()
		watch(t, c, first)
		leave <- client
		for range round % 8 { // moves the race along
			runtime.Gosched()
		}
		c.Unwatch(first)
		first.off.Store(true)
		if first.running.Load() {
			t.Fatalf("round %d: Unwatch: returned while PeerGone ran, want it to wait", round)
		}
		watch(t, c, next)
		next.want(t, peer.Reset)
		c.Unwatch(next)
		next.silent(t)
		if first.late.Load() {
			t.Fatalf("round %d: PeerGone: got a call after Unwatch, want none", round)
		}
		reset(server)
	}
}

// TestWatch_DescriptorReuse: the same few descriptors serve many connections,
// whose watchers all stay; each is told of its own peer alone.
func TestWatch_DescriptorReuse(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	type held struct {
		c *peer.Conn
		r recorder
	}
	var stayed, left []held
	for i := range 3_000 {
		server, client := n.pair()
		h := held{peer.New(server), newRecorder()}
		watch(t, h.c, h.r)
		switch i % 3 {
		case 0: // we close, the peer is still there: nobody is told
			reset(server)
			reset(client)
			stayed = append(stayed, h)
		case 1: // both at once, the event may find the descriptor reused
			reset(client)
			reset(server)
			left = append(left, h)
		case 2:
			reset(client)
			h.r.want(t, peer.Reset)
			reset(server)
			left = append(left, h)
		}
	}
	settle(t)
	for _, h := range stayed {
		h.r.silent(t)
	}
	for i, h := range left {
		if got := len(h.r); got > 1 {
			t.Fatalf("connection %d: got %d calls of PeerGone, want at most 1", i, got)
		}
		runtime.KeepAlive(h.c)
	}
}
