package abort_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// netns is a network of its own: a goroutine on a thread that has left the
// network of the process, and ends with it. A socket belongs to the network of
// the thread that makes it, for good, whoever uses it later.
type netns struct {
	tid int
	run chan func()
}

// do runs f in the network.
func (n *netns) do(f func()) {
	done := make(chan struct{})
	n.run <- func() { f(); close(done) }
	<-done
}

// unshare makes a network; without leave to make one it skips the test.
func unshare(t *testing.T) *netns {
	t.Helper()
	n := &netns{run: make(chan func())}
	made, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // never unlocked: the thread dies here, and its network with it
		n.tid = unix.Gettid()
		err := unix.Unshare(unix.CLONE_NEWNET)
		made <- err
		if err == nil {
			for f := range n.run {
				f()
			}
		}
	}()
	t.Cleanup(func() { close(n.run); <-ended })
	if err := <-made; err != nil {
		t.Skipf("unshare(CLONE_NEWNET): %v (uid %d): no network namespaces to cut a link in", err, os.Getuid())
	}
	return n
}

// ip runs commands of ip(8) in the network.
func (n *netns) ip(t *testing.T, commands ...string) {
	t.Helper()
	if out, err := n.try(commands...); err != nil {
		t.Fatalf("ip -batch, %q: %v, %s", commands, err, out)
	}
}

func (n *netns) try(commands ...string) (out []byte, err error) {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n"))
	n.do(func() { out, err = cmd.CombinedOutput() }) // a child inherits from the thread that forks
	return out, err
}

const (
	serverAddr, clientAddr = "192.0.2.1", "192.0.2.2"
	serverLink, clientLink = "lb0", "lb1"
)

// veth makes two networks with a cable between them.
func veth(t *testing.T) (server, client *netns) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("%v: nobody to make a link that can be cut", err)
	}
	server, client = unshare(t), unshare(t)
	const serverMAC, clientMAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
	out, err := server.try(fmt.Sprintf("link add name %s address %s type veth peer name %s address %s netns %d",
		serverLink, serverMAC, clientLink, clientMAC, client.tid))
	if err != nil {
		t.Skipf("ip link add type veth: %v, %s", err, out)
	}
	server.ip(t, "addr add "+serverAddr+"/24 dev "+serverLink, "link set "+serverLink+" up",
		// Or the neighbour is found to be missing, before the peer is.
		"neigh replace "+clientAddr+" lladdr "+clientMAC+" dev "+serverLink+" nud permanent")
	client.ip(t, "addr add "+clientAddr+"/24 dev "+clientLink, "link set "+clientLink+" up")
	return server, client
}
