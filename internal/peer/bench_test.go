//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

func BenchmarkNew(b *testing.B) {
	server, _ := pair(b)
	b.ReportAllocs()
	for b.Loop() {
		peer.New(server)
	}
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
	n := newNetwork(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		server, client := n.pair()
		defer reset(client)
		defer reset(server)
		c, r := peer.New(server), newRecorder()
		for pb.Next() {
			c.Watch(r)
			c.Unwatch(r)
		}
	})
}

// BenchmarkFirstWatch is what registering costs. All Conns are of one socket,
// which makes two system calls of the one.
func BenchmarkFirstWatch(b *testing.B) {
	server, _ := pair(b)
	r := newRecorder()
	b.ReportAllocs()
	for b.Loop() {
		peer.New(server).Watch(r)
	}
}

func BenchmarkState(b *testing.B) {
	server, _ := pair(b)
	c := peer.New(server)
	b.ReportAllocs()
	for b.Loop() {
		c.State()
	}
}

// BenchmarkLatency reports the time from the client's close to PeerGone, the
// close included, beside the whole round with its connection.
func BenchmarkLatency(b *testing.B) {
	n := newNetwork(b)
	told := make(stopwatch, 1)
	var total time.Duration
	for b.Loop() {
		server, client := n.pair()
		c := peer.New(server)
		c.Watch(told)
		start := time.Now()
		client.Close()
		total += (<-told).Sub(start)
		c.Unwatch(told)
		reset(server)
	}
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "ns/close")
}

// stopwatch is a Watcher that takes the time.
type stopwatch chan time.Time

func (s stopwatch) PeerGone(peer.State) {
	select {
	case s <- time.Now():
	default:
	}
}
