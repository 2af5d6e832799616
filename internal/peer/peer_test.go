//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer_test

import (
	"net"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// ending is a way to leave, and what the server's end is told of it in turn.
type ending struct {
	name string
	do   func(server, client *net.TCPConn, told func(peer.State))
	last peer.State
}

func endings() []ending {
	return []ending{
		{"FIN", func(_, client *net.TCPConn, told func(peer.State)) {
			client.Close()
			told(peer.Closed)
		}, peer.Closed},
		{"RST", func(_, client *net.TCPConn, told func(peer.State)) {
			reset(client)
			told(peer.Reset)
		}, peer.Reset},
		{"half-close", func(_, client *net.TCPConn, told func(peer.State)) {
			client.CloseWrite()
			told(peer.Closed)
		}, peer.Closed},
		{"half-close then RST", func(_, client *net.TCPConn, told func(peer.State)) {
			client.CloseWrite()
			told(peer.Closed)
			reset(client)
			told(peer.Reset)
		}, peer.Reset},
		{"unread bytes then FIN", func(_, client *net.TCPConn, told func(peer.State)) {
			client.Write(make([]byte, 4096))
			client.Close()
			told(peer.Closed)
		}, peer.Closed},
		{"unread bytes then RST", func(_, client *net.TCPConn, told func(peer.State)) {
			client.Write(make([]byte, 4096))
			reset(client)
			told(peer.Reset)
		}, peer.Reset},
		{"FIN, our write answered by RST", func(server, client *net.TCPConn, told func(peer.State)) {
			client.Close()
			told(peer.Closed)
			server.Write([]byte("x"))
			told(peer.Reset)
		}, peer.Reset},
		{"our bytes unread by the peer, its close is an RST", func(server, client *net.TCPConn, told func(peer.State)) {
			server.Write([]byte("xy"))
			client.Read(make([]byte, 1))
			client.Close()
			told(peer.Reset)
		}, peer.Reset},
	}
}

func TestWatch_Endings(t *testing.T) {
	t.Parallel()
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			server, client := pair(t)
			c, r := peer.New(server), newRecorder()
			if got := c.State(); got != peer.Alive {
				t.Fatalf("State before: got %v, want Alive", got)
			}
			watch(t, c, r)
			e.do(server, client, func(s peer.State) { r.want(t, s) })
			if got := c.State(); got != e.last {
				t.Errorf("State after: got %v, want %v", got, e.last)
			}
			settle(t)
			r.silent(t)
			c.Unwatch(r)
			server.Close()
			if got := c.State(); got != e.last {
				t.Errorf("State after our own close: got %v, want %v as told", got, e.last)
			}
		})
	}
}

func TestWatch_AlreadyGone(t *testing.T) {
	t.Parallel()
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			server, client := pair(t)
			first, r := peer.New(server), newRecorder()
			watch(t, first, r)
			e.do(server, client, func(s peer.State) { r.want(t, s) })
			// A second Conn of the socket has been told nothing yet.
			second, r2 := peer.New(server), newRecorder()
			watch(t, second, r2)
			r2.want(t, e.last)
			settle(t)
			r.silent(t)
			r2.silent(t)
		})
	}
}

func TestWatch_EventWhileNobodyWatches(t *testing.T) {
	t.Parallel()
	server, client := pair(t)
	c, first, second, third := peer.New(server), newRecorder(), newRecorder(), newRecorder()
	watch(t, c, first)
	c.Unwatch(first)
	client.CloseWrite()
	settle(t)
	watch(t, c, second)
	second.want(t, peer.Closed)
	c.Unwatch(second)
	reset(client)
	settle(t)
	watch(t, c, third)
	third.want(t, peer.Reset)
	first.silent(t)
	second.silent(t)
	third.silent(t)
}

func TestWatch_TwoRequestsInTurn(t *testing.T) {
	t.Parallel()
	server, client := pair(t)
	c, first, second := peer.New(server), newRecorder(), newRecorder()
	watch(t, c, first)
	c.Unwatch(second) // not the watcher: nothing happens
	watch(t, c, second)
	c.Unwatch(first) // no more: nothing happens
	client.Close()
	second.want(t, peer.Closed)
	settle(t)
	first.silent(t)
	second.silent(t)
}

func TestWatch_LocalClose(t *testing.T) {
	t.Parallel()
	server, client := pair(t)
	c, r := peer.New(server), newRecorder()
	watch(t, c, r)
	server.Close()
	if got := c.State(); got != peer.Local {
		t.Errorf("State after our own close: got %v, want Local", got)
	}
	client.Close()
	settle(t)
	r.silent(t)
	if late := peer.New(server); late.Watch(r) {
		t.Error("first Watch after our own close: got true, want false")
	}
}

func TestNew_NetConn(t *testing.T) {
	t.Parallel()
	server, _ := pair(t)
	if got := peer.New(server).NetConn(); got != net.Conn(server) {
		t.Errorf("NetConn: got %v, want the conn given to New", got)
	}
}
