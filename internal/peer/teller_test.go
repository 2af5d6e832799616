package peer_test

import (
	"net"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/peer"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// told keeps what a Watcher is told.
type told []peer.State

func (w *told) PeerGone(s peer.State) { *w = append(*w, s) }

// A connection without a socket is taken at its word, before and after this process
// has closed it.
func TestTeller(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		leave func(client, server *pipenet.Conn)
		state peer.State
		told  []peer.State
	}{
		{"there", func(_, _ *pipenet.Conn) {}, peer.Alive, nil},
		{"FIN", func(client, _ *pipenet.Conn) { client.Close() }, peer.Closed, []peer.State{peer.Closed}},
		{"RST", func(client, _ *pipenet.Conn) { client.Reset() }, peer.Reset, []peer.State{peer.Reset}},
		{"FIN, RST", func(client, _ *pipenet.Conn) { client.CloseWrite(); client.Reset() }, peer.Reset, []peer.State{peer.Closed, peer.Reset}},
		{"closed here", func(client, server *pipenet.Conn) { server.Close(); client.Close() }, peer.Local, nil},
		{"FIN, closed here", func(client, server *pipenet.Conn) { client.Close(); server.Close() }, peer.Closed, []peer.State{peer.Closed}},
	} {
		for _, late := range []bool{false, true} {
			t.Run(map[bool]string{false: c.name, true: c.name + " before the watch"}[late], func(t *testing.T) {
				client, server := pipenet.Pipe(16)
				k, w := peer.New(pipenet.Teller{Conn: server}), new(told)
				if !k.HasSocket() {
					t.Error("HasSocket() = false, want true: there is somebody to ask")
				}
				if late {
					c.leave(client, server)
				}
				if !k.Watch(w) {
					t.Fatal("Watch() = false, want true")
				}
				if !late {
					c.leave(client, server)
				}
				if s := k.State(); s != c.state {
					t.Errorf("State() = %v, want %v", s, c.state)
				}
				want := c.told
				if late && len(want) > 0 {
					want = want[len(want)-1:]
				}
				if len(*w) != len(want) || len(want) > 0 && (*w)[len(want)-1] != want[len(want)-1] {
					t.Errorf("PeerGone was called with %v, want %v", *w, want)
				}
			})
		}
	}
}

// The second watcher of a connection is told, and the first no more.
func TestTeller_NextWatcher(t *testing.T) {
	t.Parallel()
	client, server := pipenet.Pipe(16)
	client.Write([]byte("abc"))
	k, first, second := peer.New(pipenet.Teller{Conn: server}), new(told), new(told)
	k.Watch(first)
	k.Unwatch(first)
	k.Watch(second)
	client.CloseWrite()
	if len(*first) != 0 || len(*second) != 1 {
		t.Errorf("PeerGone was called with %v and %v, want [] and [%v]", *first, *second, peer.Closed)
	}
	if n := k.Unread(); n != 3 {
		t.Errorf("Unread() = %d, want 3", n)
	}
}

// withPanic is a connection whose word is a panic. halfTeller has one of the two
// methods alone, which is no word at all.
type (
	withPanic  struct{ *pipenet.Conn }
	halfTeller struct{ *pipenet.Conn }
	hastily    struct{ pipenet.Teller } // calls notify at once
)

func (withPanic) PeerEnd() (int, bool, error)  { panic("PeerEnd") }
func (withPanic) NotifyPeerEnd(func())         { panic("NotifyPeerEnd") }
func (halfTeller) PeerEnd() (int, bool, error) { return 0, false, net.ErrClosed }
func (c hastily) NotifyPeerEnd(notify func())  { c.Teller.NotifyPeerEnd(notify); notify() }

func TestTeller_Foreign(t *testing.T) {
	t.Parallel()
	_, server := pipenet.Pipe(16)
	for name, nc := range map[string]net.Conn{"panics": withPanic{server}, "one method": halfTeller{server}, "none": server} {
		k := peer.New(nc)
		if s := k.State(); s != peer.Unknown {
			t.Errorf("%s: State() = %v, want %v", name, s, peer.Unknown)
		}
		if k.Watch(new(told)) {
			t.Errorf("%s: Watch() = true, want false", name)
		}
		if n := k.Unread(); n != 0 {
			t.Errorf("%s: Unread() = %d, want 0", name, n)
		}
	}
	if k := peer.New(hastily{pipenet.Teller{Conn: server}}); !k.Watch(new(told)) {
		t.Error("Watch() of one that calls notify at once = false, want true")
	}
}
