package peer_test

import (
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// The tests of this file look at the whole process and do not run in parallel.

// TestConn_Forgotten: nothing has to be closed, nothing is kept.
func TestConn_Forgotten(t *testing.T) {
	n := newNetwork(t)
	settle(t) // the queue's own descriptors
	fds := descriptors(t)
	for i := range 2_000 {
		server, client := n.pair()
		client.SetLinger(0) // no TIME_WAIT, whoever closes
		c, r := peer.New(server), newRecorder()
		watchOnly(t, c, r)
		switch i % 4 {
		case 0: // forgotten without a close, watcher and all
		case 1:
			server.Close()
			client.Close()
		case 2:
			c.Unwatch(r)
			client.Close()
		case 3:
			reset(client)
			r.want(t, peer.Reset)
			c.Unwatch(r)
			server.Close()
		}
	}
	for range 1_000 {
		runtime.GC()
		runtime.Gosched() // cleanups run on a goroutine of their own
		if peer.Registered() == 0 && descriptors(t) <= fds {
			return
		}
	}
	t.Errorf("after GC: got %d registered, %d descriptors, want 0, %d", peer.Registered(), descriptors(t), fds)
}

// TestConn_OneGoroutine: whatever is watched, one goroutine waits.
func TestConn_OneGoroutine(t *testing.T) {
	n := newNetwork(t)
	for range 20 {
		server, client := n.pair()
		t.Cleanup(func() { reset(server); reset(client) })
		watch(t, peer.New(server), newRecorder())
	}
	buf := make([]byte, 1<<20)
	stacks := string(buf[:runtime.Stack(buf, true)])
	if got := strings.Count(stacks, "internal/peer.(*poller).run("); got != 1 {
		t.Errorf("goroutines: got %d, want 1\n%s", got, stacks)
	}
}

// withFile is a connection whose descriptor epoll does not take.
type withFile struct {
	net.Conn
	file *os.File
}

func (w withFile) SyscallConn() (syscall.RawConn, error) { return w.file.SyscallConn() }

// TestWatch_Refused: a registration that failed leaves nothing behind.
func TestWatch_Refused(t *testing.T) {
	settle(t)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatalf("CreateTemp: got %v, want a file", err)
	}
	defer f.Close()
	c, r := peer.New(withFile{file: f}), newRecorder()
	before := peer.Registered()
	for range 100 {
		if c.Watch(r) {
			t.Fatal("Watch of a file: got true, want false")
		}
	}
	if got := peer.Registered(); got > before {
		t.Errorf("Registered: got %d, want %d at most", got, before)
	}
}

// TestPoller_KeyNeverReused: a late event for a descriptor's last owner names
// nobody.
func TestPoller_KeyNeverReused(t *testing.T) {
	if a, b := peer.KeyOf(7, 1), peer.KeyOf(7, 2); a == b {
		t.Errorf("KeyOf descriptor 7 twice: got %d and %d, want two keys", a, b)
	}
}

// TestPoller_DescriptorStolen: a process that closes descriptors it does not
// own loses the watches it had, and gets new ones.
func TestPoller_DescriptorStolen(t *testing.T) {
	settle(t)
	for gone := peer.BreakPoller(); !gone(); {
		runtime.Gosched()
	}
	settle(t)
}

// TestWatch_NoDescriptorLeft: no queue, no watch; the next one gets it.
func TestWatch_NoDescriptorLeft(t *testing.T) {
	settle(t)
	for gone := peer.BreakPoller(); !gone(); {
		runtime.Gosched()
	}
	server, client := pair(t)
	c, r := peer.New(server), newRecorder()
	free := exhaust(t)
	got := c.Watch(r)
	free()
	if got {
		t.Fatal("Watch without a descriptor left: got true, want false")
	}
	watch(t, c, r)
	client.Close()
	r.want(t, peer.Closed)
}

// exhaust takes all descriptors there are.
func exhaust(tb testing.TB) (free func()) {
	tb.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		tb.Fatalf("Getrlimit: got %v, want nil", err)
	}
	low := old
	low.Cur = 0 // those that are open stay
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		tb.Fatalf("Setrlimit: got %v, want nil", err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			tb.Errorf("Setrlimit back: got %v, want nil", err)
		}
	}
}

func TestConn_Cost(t *testing.T) {
	server, _ := pair(t)
	if peer.ConnSize > 128 {
		t.Errorf("size of Conn: got %d bytes, want at most 128", peer.ConnSize)
	}
	var kept *peer.Conn
	if got := testing.AllocsPerRun(1000, func() { kept = peer.New(server) }); got != 1 {
		t.Errorf("New: got %v allocations, want 1", got)
	}
	r := newRecorder()
	if got := testing.AllocsPerRun(1000, func() { kept.Watch(r); kept.Unwatch(r) }); got != 0 {
		t.Errorf("Watch and Unwatch: got %v allocations, want 0", got)
	}
}

func descriptors(tb testing.TB) int {
	tb.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatalf("ReadDir: got %v, want the descriptors", err)
	}
	return len(names)
}

func errnoOf(err error) (syscall.Errno, bool) {
	if _, ok := errors.AsType[*net.OpError](err); !ok {
		return 0, false
	}
	return errors.AsType[syscall.Errno](err)
}
