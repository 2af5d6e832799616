package pipenet_test

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

func TestTeller_PeerEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		do     func(client, server *pipenet.Conn)
		unread int
		err    error
		told   int // calls of notify
	}{
		{"there", func(client, _ *pipenet.Conn) { client.Write([]byte("abc")) }, 3, nil, 0},
		{"closed", func(client, _ *pipenet.Conn) { client.Write([]byte("abc")); client.Close() }, 3, io.EOF, 1},
		{"half closed", func(client, _ *pipenet.Conn) { client.CloseWrite() }, 0, io.EOF, 1},
		{"reset", func(client, _ *pipenet.Conn) { client.Write([]byte("abc")); client.Reset() }, 0, syscall.ECONNRESET, 1},
		{"half closed, then reset", func(client, _ *pipenet.Conn) { client.CloseWrite(); client.Reset() }, 0, syscall.ECONNRESET, 2},
		{"closed, and written to", func(client, server *pipenet.Conn) { client.Close(); server.Write([]byte("a")) }, 0, syscall.ECONNRESET, 2},
		{"half closed, and written to", func(client, server *pipenet.Conn) { client.CloseWrite(); server.Write([]byte("a")) }, 0, io.EOF, 1},
		{"closed here first", func(client, server *pipenet.Conn) { server.Close(); client.Close() }, 0, net.ErrClosed, 0},
		{"closed here first, then reset", func(client, server *pipenet.Conn) { server.Close(); client.Reset() }, 0, net.ErrClosed, 0},
		{"reset here first", func(client, server *pipenet.Conn) { server.Reset(); client.Close() }, 0, net.ErrClosed, 0},
		{"closed here last", func(client, server *pipenet.Conn) { client.Close(); server.Close() }, 0, io.EOF, 1},
		{"the same, reset", func(client, server *pipenet.Conn) { client.Reset(); server.Close() }, 0, syscall.ECONNRESET, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := pipenet.Pipe(16)
			teller, told := pipenet.Teller{Conn: server}, 0
			teller.NotifyPeerEnd(func() {
				told++
				teller.PeerEnd() // no lock is held
			})
			c.do(client, server)
			if unread, stuck, err := teller.PeerEnd(); unread != c.unread || stuck || err != c.err {
				t.Errorf("PeerEnd() = %d, %t, %v, want %d, false, %v", unread, stuck, err, c.unread, c.err)
			}
			if told != c.told {
				t.Errorf("notify was called %d times, want %d", told, c.told)
			}
		})
	}
}

func TestTeller_Stuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, server := pipenet.Pipe(4)
		w := async(server.Write, []byte("abcde"))
		blocked(t, "Write of 5 into 4", w)
		if _, stuck, _ := (pipenet.Teller{Conn: server}).PeerEnd(); !stuck {
			t.Error("PeerEnd() says that no Write is stuck, want one")
		}
		client.Read(make([]byte, 4))
		want(t, "Write", <-w, 5, nil)
		if _, stuck, _ := (pipenet.Teller{Conn: server}).PeerEnd(); stuck {
			t.Error("PeerEnd() says that a Write is stuck, want none")
		}
	})
}
