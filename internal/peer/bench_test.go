//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

func BenchmarkNew(b *testing.B) {
	server, _ := pair(b)
	var kept *peer.Conn
	b.ReportAllocs()
	for b.Loop() {
		kept = peer.New(server)
	}
	runtime.KeepAlive(kept)
}

func BenchmarkWatch(b *testing.B) {
	server, _ := pair(b)
	c, r := peer.New(server), newRecorder()
	watch(b, c, r)
	c.Unwatch(r)
	b.ReportAllocs()
	for b.Loop() {
		c.Watch(r)
		c.Unwatch(r)
	}
}

func BenchmarkWatchParallel(b *testing.B) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		server, _ := pair(b)
		c, r := peer.New(server), newRecorder()
		for pb.Next() {
			c.Watch(r)
			c.Unwatch(r)
		}
	})
}

func BenchmarkState(b *testing.B) {
	server, _ := pair(b)
	c := peer.New(server)
	b.ReportAllocs()
	for b.Loop() {
		c.State()
	}
}

// BenchmarkLatency makes a connection in each round and reports two parts of
// it: the first Watch, and the time from the client's close to PeerGone, the
// close included.
func BenchmarkLatency(b *testing.B) {
	n := newNetwork(b)
	told := make(stopwatch, 1)
	var first, closed time.Duration
	for b.Loop() {
		server, client := n.pair()
		c := peer.New(server)
		start := time.Now()
		c.Watch(told)
		first += time.Since(start)
		start = time.Now()
		client.Close()
		closed += (<-told).Sub(start)
		c.Unwatch(told)
		reset(server)
	}
	b.ReportMetric(float64(first.Nanoseconds())/float64(b.N), "ns/first-watch")
	b.ReportMetric(float64(closed.Nanoseconds())/float64(b.N), "ns/close")
}

// stopwatch is a Watcher that takes the time.
type stopwatch chan time.Time

func (s stopwatch) PeerGone(peer.State) {
	select {
	case s <- time.Now():
	default:
	}
}
