package stress_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/peer"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// chaos is a server and the clients that misuse it, over sockets.
type chaos struct {
	life  *middleware.Lifecycle
	sites map[link]*site
	until time.Time

	ids, arrived                   atomic.Int64
	ended, aborts, exits, eofs     atomic.Int64 // as OnEnd has them
	book                           sync.Map     // path to *record
	late                           late
	serving                        atomic.Int64 // handlers
	held                           atomic.Int64 // connections and requests that are in memory
	mu                             sync.Mutex
	errs                           []string
	answered, dropped, left, calls atomic.Int64 // what clients saw: nothing is proved by doing nothing
}

func (c *chaos) wrong(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.errs) < 20 {
		c.errs = append(c.errs, fmt.Sprintf(format, args...))
	}
}

// TestChaos has handlers of random programs serve clients of random manners, and
// then counts. LASTBYTE_CHAOS says how long: 30s, say; a second without it.
func TestChaos(t *testing.T) {
	d := time.Second
	if s := os.Getenv("LASTBYTE_CHAOS"); s != "" {
		var err error
		if d, err = time.ParseDuration(s); err != nil {
			t.Fatalf("LASTBYTE_CHAOS: %v", err)
		}
	}
	before := map[string]bool{}
	for _, g := range testkit.Goroutines() {
		before[number(g)] = true
	}
	startPoller(t)
	_, fds := round(t, 50*time.Millisecond, before, -1) // what is opened once, and stays, is open now
	c, _ := round(t, d, before, fds)
	t.Logf("%v: %d requests arrived, clients saw %d answers and %d drops and left %d times, %d callbacks ran",
		d, c.arrived.Load(), c.answered.Load(), c.dropped.Load(), c.left.Load(), c.calls.Load())
	for _, k := range links {
		n := c.sites[k].arrived.Load()
		t.Logf("%v: %d requests, %d callbacks", k, n, c.sites[k].calls.Load())
		if n == 0 && c.arrived.Load() > 300 {
			t.Errorf("there were no requests over %v: the test tested nothing", k)
		}
	}
	for what, n := range map[string]*atomic.Int64{"answers": &c.answered, "drops": &c.dropped, "clients that left": &c.left,
		"callbacks": &c.calls, "aborts": &c.aborts, "exits": &c.exits, "ends by Send": &c.eofs} {
		if n.Load() == 0 && c.arrived.Load() > 300 { // on a machine that has no time for more, anything may be missing
			t.Errorf("there were no %s: the test tested nothing", what)
		}
	}
}

// startPoller has package peer open what it keeps for the life of the process. The first
// round may be over before anybody waits for a client.
func startPoller(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	peer.New(conn).Watch(nobody{})
}

type nobody struct{}

func (nobody) PeerGone(peer.State) {}

// round is a server from its start to its end.
func round(t *testing.T, d time.Duration, before map[string]bool, fds int) (c *chaos, open int) {
	t.Helper()
	c = newChaos()
	stop := c.listen(t)
	c.run(t, d)
	c.stop(t, stop)
	c.count(t)
	open = c.leaks(t, before, fds)
	for _, err := range c.errs {
		t.Error(err)
	}
	return c, open
}

func newChaos() *chaos {
	c := &chaos{}
	c.life = middleware.New(middleware.Options{
		Logger:     zerolog.New(c),
		Background: eof.Options{OnPanic: func(any, []byte) {}},
		OnEnd: func(_ *http.Request, o middleware.Outcome) {
			c.ended.Add(1)
			if o.Abort != nil {
				c.aborts.Add(1)
			}
			if o.Exited {
				c.exits.Add(1)
			}
			if o.EOF > 0 {
				c.eofs.Add(1)
			}
		},
	})
	return c
}

// run lets the clients loose for d.
func (c *chaos) run(t *testing.T, d time.Duration) {
	t.Helper()
	c.until = time.Now().Add(d)
	seed := rand.Uint64()
	var all sync.WaitGroup
	for i := range 64 {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		k := links[i%len(links)]
		all.Go(func() {
			if k.h2 {
				newStreams(c, r, k).run()
			} else {
				(&plain{chaos: c, Rand: r, link: k}).run()
			}
		})
	}
	c.within(t, &all, d+time.Minute)
}

// within waits for all.
func (c *chaos) within(t *testing.T, all *sync.WaitGroup, limit time.Duration) {
	t.Helper()
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit):
		buf := make([]byte, 16<<20)
		name := filepath.Join(t.ArtifactDir(), "goroutines.txt")
		_ = os.WriteFile(name, buf[:runtime.Stack(buf, true)], 0o644)
		c.mu.Lock()
		defer c.mu.Unlock()
		t.Fatalf("not all have ended after %v; %s has the goroutines; %s", limit, name, strings.Join(c.errs, "\n"))
	}
}

// stop ends the server as a program would.
func (c *chaos) stop(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	// All clients are gone, so every handler ends: before the server is closing,
	// which might be taken for the reason. What the clients have sent last may still
	// begin one.
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	var all sync.WaitGroup
	all.Go(func() {
		for c.serving.Load() > 0 {
			<-again.C
		}
	})
	c.within(t, &all, 30*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := stop(ctx); err != nil {
		t.Errorf("Server.Shutdown() = %v, want nil", err)
	}
	if err := c.life.Shutdown(ctx); err != nil {
		t.Errorf("Lifecycle.Shutdown() = %v, want nil", err)
	}
}

// count is where the sums have to be right.
func (c *chaos) count(t *testing.T) {
	t.Helper()
	c.book.Range(func(_, v any) bool {
		r := v.(*record)
		r.note(func() { c.checkLocked(r) })
		return true
	})
	if c.ended.Load() != c.arrived.Load() {
		t.Errorf("OnEnd was called %d times, want once for each of %d requests", c.ended.Load(), c.arrived.Load())
	}
	got := c.life.Stats()
	want := middleware.Stats{
		Requests: uint64(c.arrived.Load()), Aborts: uint64(c.aborts.Load()),
		Exits: uint64(c.exits.Load()), EOFs: uint64(c.eofs.Load()),
	}
	want.Background.Done, want.Background.Panicked = got.Background.Done, got.Background.Panicked
	if got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

// leaks: nothing is left that the server, or lastbyte, has kept: no goroutine,
// no descriptor, no connection or request in memory. It gives how many
// descriptors are open.
func (c *chaos) leaks(t *testing.T, before map[string]bool, fds int) (open int) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	var left []string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-again.C {
		runtime.GC()
		left = slices.DeleteFunc(testkit.Goroutines(), func(g string) bool { return before[number(g)] })
		if open = openFiles(); len(left) == 0 && (fds < 0 || open <= fds) && c.held.Load() == 0 {
			runtime.KeepAlive(c.life)
			return open
		}
	}
	t.Errorf("%d connections and requests, %d descriptors and %d goroutines are left, want 0, %d, 0:\n%s",
		c.held.Load(), open, len(left), fds, strings.Join(left, "\n\n"))
	return open
}

// number is the goroutine's: "goroutine 7 [running]:".
func number(g string) string {
	g, _, _ = strings.Cut(g, " [")
	return g
}

// openFiles counts the descriptors of this process, where that can be done.
func openFiles() int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(d)
}
