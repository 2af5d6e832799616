//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/peer"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
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
// event is not lost: whoever watches next is told. Two rounds, FIN and RST, on each
// connection, 10,000 in all if LASTBYTE_LONG is set.
func TestUnwatch_RacesWithEvent(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	leave := make(chan func())
	defer close(leave)
	go func() {
		for f := range leave {
			f()
		}
	}()
	for round := range testkit.Rounds(1_500, 5_000) {
		server, client := n.pair()
		c := peer.New(server)
		leave <- func() { client.CloseWrite() }
		raceUnwatch(t, c, round, peer.Closed)
		leave <- func() { reset(client) }
		raceUnwatch(t, c, round, peer.Reset)
		reset(server)
	}
}

// raceUnwatch has one watcher stop while want is being told, and the next one
// wait for it.
func raceUnwatch(t *testing.T, c *peer.Conn, round int, want peer.State) {
	t.Helper()
	first, next := &strict{}, newRecorder()
	watchOnly(t, c, first)
	for range round % 8 { // moves the race along
		runtime.Gosched()
	}
	c.Unwatch(first)
	first.off.Store(true)
	if first.running.Load() {
		t.Fatalf("round %d: Unwatch: returned while PeerGone ran, want it to wait", round)
	}
	watchOnly(t, c, next)
	got := <-next
	if got == peer.Closed && want == peer.Reset { // remembered, the RST is on its way
		got = <-next
	}
	c.Unwatch(next)
	if got != want || len(next) > 0 {
		t.Fatalf("round %d: PeerGone: got %v and %d more, want %v alone", round, got, len(next), want)
	}
	if first.late.Load() {
		t.Fatalf("round %d: PeerGone: got a call after Unwatch, want none", round)
	}
}

// TestWatch_DescriptorReuse: descriptors change hands all the time, every Conn
// and its watcher stay; each is told of its own peer alone.
func TestWatch_DescriptorReuse(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	type held struct {
		*peer.Conn
		recorder
	}
	var stays, closed, left []held
	for i := range 2_000 {
		server, client := n.pair()
		h := held{peer.New(server), newRecorder()}
		watch(t, h.Conn, h.recorder)
		switch i % 4 {
		case 0: // we close before the peer leaves
			server.Close()
			reset(client)
			closed = append(closed, h)
		case 1: // the event may find the descriptor with its next owner
			reset(client)
			reset(server)
			left = append(left, h)
		case 2: // which is this one
			t.Cleanup(func() { reset(client); reset(server) })
			stays = append(stays, h)
		case 3:
			reset(client)
			h.want(t, peer.Reset)
			reset(server)
		}
	}
	settle(t)
	for _, h := range closed {
		h.silent(t)
	}
	for _, h := range stays {
		h.silent(t)
		if got := h.State(); got != peer.Alive {
			t.Fatalf("State of a peer that stayed: got %v, want Alive", got)
		}
	}
	for _, h := range left { // too late for most
		if got := len(h.recorder); got > 1 {
			t.Fatalf("PeerGone: got %d calls, want at most 1", got)
		}
	}
}
