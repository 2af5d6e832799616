//go:build unix

package abort_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// stormPatience bounds what a storm may take.
const stormPatience = 2 * time.Minute

// asClients tells the test binary that it is the clients of a storm: the
// addresses, the number of connections, and how they end.
const asClients = "LASTBYTE_ABORT_CLIENTS"

// 20,000 held connections (if LASTBYTE_ABORT is set) end at once, since the process
// that has their other ends is killed: every callback runs, once.
func TestAbort_Storm(t *testing.T) {
	if s := os.Getenv(asClients); s != "" {
		clients(t, strings.Fields(s))
		return
	}
	n := abortCount(500, 20_000)
	if testkit.Race {
		n = min(n, 1000) // it takes no more than 8,128 goroutines
	}
	n = allowed(t, n)
	for _, how := range []string{"FIN", "RST"} {
		t.Run(how, func(t *testing.T) { newStorm(t, n).blow(t, how) })
	}
}

// clients is what the other process does: it connects, sends its requests, and
// waits for its end.
func clients(t *testing.T, args []string) {
	how, addrs := args[0], args[2:]
	n, err := strconv.Atoi(args[1])
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", addrs[i%len(addrs)])
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		if how == "RST" {
			c.(*net.TCPConn).SetLinger(0)
		}
		fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: example.com\r\n\r\n", i)
		conns[i] = c
	}
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(conns)
}

// allowed raises the limit of descriptors if need be, and gives how many
// connections it allows, n at most.
func allowed(t *testing.T, n int) int {
	t.Helper()
	const others = 200 // descriptors
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatalf("Getrlimit() = %v, want nil", err)
	}
	need := old
	atLeast(&need.Cur, n+others)
	need.Max = max(old.Max, need.Cur)
	if need == old {
		return n
	}
	err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &need)
	if err == nil {
		t.Cleanup(func() {
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
				t.Errorf("Setrlimit(the old limit) = %v, want nil", err)
			}
		})
		return n
	}
	few := min(n, int(old.Cur-others))
	t.Logf("%d connections instead of %d: %d descriptors are the limit, and raising it: %v", few, n, old.Cur, err)
	return few
}

// atLeast raises a limit, whose type is not the same on each system.
func atLeast[T int64 | uint64](limit *T, want int) { *limit = max(*limit, T(want)) }

// storm is a server with n requests under way.
type storm struct {
	n      int
	srv    *http.Server
	addrs  []string
	calls  []atomic.Int32
	at     []time.Time    // when each callback began; its first call writes it
	begun  sync.WaitGroup // handlers
	called sync.WaitGroup // callbacks
	over   chan struct{}  // the test is
}

func newStorm(t *testing.T, n int) *storm {
	t.Helper()
	s := &storm{n: n, calls: make([]atomic.Int32, n), at: make([]time.Time, n), over: make(chan struct{})}
	s.begun.Add(n)
	s.called.Add(n)
	s.srv = &http.Server{
		Handler:     abort.Check(http.HandlerFunc(s.serve)),
		ConnContext: abort.ConnContext,
		ErrorLog:    log.New(t.Output(), "", 0),
	}
	for range 4 { // a port of the client's may be used once with each
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("Listen() = %v, want a listener", err)
		}
		s.addrs = append(s.addrs, ln.Addr().String())
		go s.srv.Serve(ln)
	}
	t.Cleanup(func() { s.srv.Close() })
	return s
}

func (s *storm) serve(_ http.ResponseWriter, r *http.Request) {
	var i int
	fmt.Sscanf(r.URL.Path, "/%d", &i)
	done := make(chan struct{})
	err := abort.On(r.Context(), func(context.Context) {
		now := time.Now()
		if s.calls[i].Add(1) == 1 {
			s.at[i] = now
			s.called.Done()
			close(done)
		}
	})
	if err != nil {
		panic(err)
	}
	s.begun.Done()
	select {
	case <-done:
	case <-s.over:
	}
}

// blow has the clients come, and go all at once.
func (s *storm) blow(t *testing.T, how string) {
	defer close(s.over)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAbort_Storm$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", asClients, how, s.n, strings.Join(s.addrs, " ")))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	alive, err := cmd.StdinPipe() // it ends with this process
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("the clients: %v", err)
	}
	defer alive.Close()
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	begun := within(&s.begun, ended)
	start := time.Now()
	cmd.Process.Kill()
	<-ended
	exited := time.Since(start)
	if !begun {
		t.Fatalf("some of %d requests did not begin: %s", s.n, &out)
	}
	if !within(&s.called, nil) {
		t.Fatalf("some of %d callbacks are missing after %v", s.n, stormPatience)
	}
	ctx, cancel := context.WithTimeout(t.Context(), stormPatience)
	defer cancel()
	if err := s.srv.Shutdown(ctx); err != nil { // waits for the handlers, and so for all callbacks
		t.Errorf("Shutdown() = %v, want nil", err)
	}
	for i := range s.calls {
		if got := s.calls[i].Load(); got != 1 {
			t.Errorf("callback %d ran %d times, want once", i, got)
		}
	}
	slices.SortFunc(s.at, time.Time.Compare)
	t.Logf("%d connections: the clients' process was gone after %v; callbacks began after %v (the first), %v (half), %v (all)",
		s.n, exited, s.at[0].Sub(start), s.at[s.n/2].Sub(start), s.at[s.n-1].Sub(start))
}

// within waits for all, but not after the end of others, and not for ever.
func within(all *sync.WaitGroup, others <-chan struct{}) bool {
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	limit := time.NewTimer(stormPatience)
	defer limit.Stop()
	select {
	case <-done:
		return true
	case <-others:
	case <-limit.C:
	}
	return false
}
