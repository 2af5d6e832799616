package peer_test

import (
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// gone is what State looks at.
const gone = unix.POLLRDHUP | unix.POLLHUP | unix.POLLERR

// TestState_KernelBits shows what Linux reports, which judge relies on.
func TestState_KernelBits(t *testing.T) {
	t.Parallel()
	const fin = unix.POLLRDHUP
	const both = unix.POLLRDHUP | unix.POLLHUP
	tests := []struct {
		name string
		do   func(server, client *net.TCPConn)
		wait int16 // what to wait for; HUP and ERR always are
		bits int16
		want peer.State
	}{
		{"FIN", func(_, client *net.TCPConn) { client.Close() }, fin, fin, peer.Closed},
		{"half-close", func(_, client *net.TCPConn) { client.CloseWrite() }, fin, fin, peer.Closed},
		{"RST", func(_, client *net.TCPConn) { reset(client) }, 0, both | unix.POLLERR, peer.Reset},
		{"RST, error taken by Read", func(server, client *net.TCPConn) {
			reset(client)
			server.Read(make([]byte, 1))
		}, 0, both, peer.Reset},
		{"FIN then RST", func(server, client *net.TCPConn) {
			client.Close()
			server.Read(make([]byte, 1))
			server.Write([]byte("x"))
		}, 0, both | unix.POLLERR, peer.Reset},
		{"both shut down", func(server, client *net.TCPConn) {
			client.CloseWrite()
			server.CloseWrite()
		}, 0, both, peer.Reset},
		{"our side shut down", func(server, _ *net.TCPConn) { server.CloseWrite() }, unix.POLLOUT, 0, peer.Alive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server, client := pair(t)
			c := peer.New(server)
			tt.do(server, client)
			if _, err := peer.AwaitBits(c, tt.wait); err != nil {
				t.Fatalf("AwaitBits: got %v, want nil", err)
			}
			bits, err := peer.AwaitBits(c, gone|unix.POLLOUT)
			if err != nil || bits&gone != tt.bits {
				t.Errorf("poll: got %#x, %v, want %#x", bits&gone, err, tt.bits)
			}
			for range 2 { // asking consumes nothing
				if got := c.State(); got != tt.want {
					t.Errorf("State: got %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// TestState_ConsumesNothing: a Read after State still meets bytes and error.
func TestState_ConsumesNothing(t *testing.T) {
	t.Parallel()
	server, client := pair(t)
	c := peer.New(server)
	reset(client)
	if _, err := peer.AwaitBits(c, 0); err != nil {
		t.Fatalf("AwaitBits: got %v, want nil", err)
	}
	if got := c.State(); got != peer.Reset {
		t.Errorf("State: got %v, want Reset", got)
	}
	_, err := server.Read(make([]byte, 1))
	if got, ok := errnoOf(err); !ok || got != unix.ECONNRESET {
		t.Errorf("Read after State: got %v, want ECONNRESET", err)
	}
}

// TestState_ErrorQueue: a timestamp of a sent packet shows as POLLERR, on a
// connection that is well.
func TestState_ErrorQueue(t *testing.T) {
	t.Parallel()
	server, _ := pair(t)
	c, r := peer.New(server), newRecorder()
	watch(t, c, r)
	raw, err := server.SyscallConn()
	if err != nil {
		t.Fatalf("SyscallConn: got %v, want nil", err)
	}
	const flags = unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
	raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags)
	})
	if err != nil {
		t.Skipf("SO_TIMESTAMPING: got %v, this kernel has no such events", err)
	}
	server.Write([]byte("x"))
	if bits, err := peer.AwaitBits(c, 0); bits != unix.POLLERR || err != nil {
		t.Fatalf("poll: got %#x, %v, want POLLERR alone", bits, err)
	}
	if got := c.State(); got != peer.Alive {
		t.Errorf("State: got %v, want Alive", got)
	}
	settle(t)
	r.silent(t)
}

// TestWatch_BytesWakeNobody: what the peer sends is not an event.
func TestWatch_BytesWakeNobody(t *testing.T) {
	t.Parallel()
	server, client := pair(t)
	c := peer.New(server)
	q, err := peer.NewQueue(c)
	if err != nil {
		t.Fatalf("NewQueue: got %v, want nil", err)
	}
	defer q.Close()
	client.Write(make([]byte, 1000))
	if _, err := peer.AwaitBits(c, unix.POLLIN); err != nil {
		t.Fatalf("AwaitBits: got %v, want nil", err)
	}
	if key, s := q.Pending(); key != 0 {
		t.Errorf("queue with bytes waiting: got an event %v, want none", s)
	}
	client.Close()
	if _, err := peer.AwaitBits(c, unix.POLLRDHUP); err != nil {
		t.Fatalf("AwaitBits: got %v, want nil", err)
	}
	if key, s := q.Pending(); key != 1<<40|7 || s != peer.Closed {
		t.Errorf("queue after FIN: got key %#x, %v, want %#x, Closed", key, s, uint64(1<<40|7))
	}
	if key, s := q.Pending(); key != 0 {
		t.Errorf("queue asked again: got %v, want no second event", s)
	}
}

func TestWatch_UnixSocket(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatalf("Listen: got %v, want nil", err)
	}
	defer ln.Close()
	client, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatalf("Dial: got %v, want nil", err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatalf("Accept: got %v, want nil", err)
	}
	defer server.Close()
	c, r := peer.New(server), newRecorder()
	watch(t, c, r)
	client.Close()
	r.want(t, peer.Reset)
}

// TestWatch_DuplicatedDescriptor: while a duplicate is open our close has not
// ended the connection, and the kernel goes on telling, as long as nobody who is
// watched has the number of our descriptor. So this one is not parallel.
func TestWatch_DuplicatedDescriptor(t *testing.T) {
	server, client := pair(t)
	c, r := peer.New(server), newRecorder()
	watch(t, c, r)
	dup, err := server.File()
	if err != nil {
		t.Fatalf("File: got %v, want nil", err)
	}
	defer dup.Close()
	server.Close()
	if got := c.State(); got != peer.Local {
		t.Errorf("State: got %v, want Local", got)
	}
	reset(client)
	r.want(t, peer.Reset)
}
