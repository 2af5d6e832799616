package abort_test

import (
	"context"
	"net"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// askers are what a handler may do to learn of the end of its client.
var askers = []struct {
	name string
	ask  func(ctx context.Context)
}{
	{"On", func(ctx context.Context) {
		if err := abort.On(ctx, func(context.Context) {}); err != nil {
			panic(err)
		}
	}},
	{"Done", func(ctx context.Context) { ctx.Done() }},
	{"OnAndDone", func(ctx context.Context) {
		if err := abort.On(ctx, func(context.Context) {}); err != nil {
			panic(err)
		}
		ctx.Done()
	}},
}

// unseen is a ResponseWriter that costs nothing.
type unseen struct{ header http.Header }

func (u unseen) Header() http.Header         { return u.header }
func (u unseen) Write(p []byte) (int, error) { return len(p), nil }
func (u unseen) WriteHeader(int)             {}

// requests gives a function that serves one request of a connection, as net/http
// does: with a context of its own, which is cancelled after it. The connection
// is real; the first request, served here, has its socket watched.
func requests(tb testing.TB, ask func(context.Context), connContext func(context.Context, net.Conn) context.Context) (serve func()) {
	tb.Helper()
	ctx := context.WithValue(context.Background(), http.ServerContextKey, new(http.Server))
	if connContext != nil {
		ctx = connContext(ctx, newPairs(tb).pair(tb))
	}
	ctx, cancel := context.WithCancel(context.WithValue(ctx, http.LocalAddrContextKey, new(net.TCPAddr)))
	tb.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", "http://example.com/", nil)
	if err != nil {
		tb.Fatal(err)
	}
	h := abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ask(r.Context()) }))
	w := unseen{make(http.Header)}
	serve = func() {
		ctx, cancel := context.WithCancel(ctx)
		h.ServeHTTP(w, req.WithContext(ctx))
		cancel()
	}
	serve()
	return serve
}

// What abort.ConnContext adds to the requests of handlers that ask. With and
// without take short turns, so that what else the machine does meets both; the
// figures are medians.

func BenchmarkAbort_WatcherOn(b *testing.B)        { compare(b, askers[0].ask) }
func BenchmarkAbort_WatcherDone(b *testing.B)      { compare(b, askers[1].ask) }
func BenchmarkAbort_WatcherOnAndDone(b *testing.B) { compare(b, askers[2].ask) }

func compare(b *testing.B, ask func(context.Context)) {
	with, without := requests(b, ask, abort.ConnContext), requests(b, ask, nil)
	var withs, withouts, more []time.Duration
	for b.Loop() {
		a, b, c, d := lap(with), lap(without), lap(without), lap(with)
		withs, withouts = append(withs, a, d), append(withouts, b, c)
		more = append(more, (a+d-b-c)/2)
	}
	for unit, took := range map[string][]time.Duration{"ns-with": withs, "ns-without": withouts, "ns-more": more} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/lapLength, unit)
	}
	b.ReportMetric(testing.AllocsPerRun(1000, with)-testing.AllocsPerRun(1000, without), "allocs-more")
	b.ReportMetric(0, "ns/op")
}

const lapLength = 100

func lap(serve func()) time.Duration {
	start := time.Now()
	for range lapLength {
		serve()
	}
	return time.Since(start)
}

// A watched connection adds no allocation to the requests that ask.
func TestConnContext_AllocatesNothingPerRequest(t *testing.T) {
	for _, a := range askers {
		t.Run(a.name, func(t *testing.T) {
			with := testing.AllocsPerRun(2000, requests(t, a.ask, abort.ConnContext))
			without := testing.AllocsPerRun(2000, requests(t, a.ask, nil))
			if with > without {
				t.Errorf("a request costs %v allocations with ConnContext, %v without, want no more", with, without)
			}
		})
	}
}

// perConn is what lastbyte may keep for a connection, in bytes of the heap.
const perConn = 200

// A connection costs little, whether a handler ever asked on it or not.
func TestConnContext_MemoryPerIdleConnection(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector has memory of its own")
	}
	const n = 1000
	h := abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { askers[0].ask(r.Context()) }))
	req, err := http.NewRequest("GET", "http://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	serve := func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		h.ServeHTTP(unseen{}, req.WithContext(ctx))
		cancel()
	}
	base := context.WithValue(context.Background(), http.ServerContextKey, new(http.Server))
	for _, asked := range []bool{false, true} {
		name := map[bool]string{false: "never asked", true: "asked once"}[asked]
		t.Run(name, func(t *testing.T) {
			ps := newPairs(t)
			serve(abort.ConnContext(base, ps.pair(t))) // what is made once
			conns, kept := make([]net.Conn, n), make([]context.Context, n)
			for i := range conns {
				conns[i] = ps.pair(t)
			}
			before := heap()
			for i, c := range conns {
				kept[i] = abort.ConnContext(base, c)
				if asked {
					serve(kept[i])
				}
			}
			each := (heap() - before) / n
			t.Logf("%.0f bytes per connection", each)
			if each > perConn {
				t.Errorf("ConnContext keeps %.0f bytes per connection, %s, want at most %d", each, name, perConn)
			}
			runtime.KeepAlive(kept)
			runtime.KeepAlive(conns)
		})
	}
}

// heap is what the process has in use of it.
func heap() float64 {
	for range 3 { // pools give up what they keep at the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// pairs makes connections over the loopback interface, which stay open until the
// test is over.
type pairs struct{ ln net.Listener }

func newPairs(tb testing.TB) pairs {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("Listen() = %v, want a listener", err)
	}
	tb.Cleanup(func() { ln.Close() })
	return pairs{ln}
}

// pair gives the server's end of a new connection.
func (p pairs) pair(tb testing.TB) net.Conn {
	tb.Helper()
	client, err := net.Dial("tcp", p.ln.Addr().String())
	if err != nil {
		tb.Fatalf("Dial() = %v, want a connection", err)
	}
	server, err := p.ln.Accept()
	if err != nil {
		tb.Fatalf("Accept() = %v, want a connection", err)
	}
	tb.Cleanup(func() {
		server.(*net.TCPConn).SetLinger(0)
		server.Close()
		client.Close()
	})
	return server
}
