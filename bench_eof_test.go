package lastbyte_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// BenchmarkAsync is 50 requests, one after the other on one connection, to a
// handler that works for 100 ms after its answer, and to the same without that
// work, over TCP on 127.0.0.1. ratio is the one over the other, each the median
// of 21 rounds. Where the connection has to wait for the work it is above 500.
func BenchmarkAsync(b *testing.B) {
	var working sync.WaitGroup
	life := middleware.New(middleware.Options{})
	s := httptest.NewUnstartedServer(life.Handler(life.Detach(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		working.Add(1)
		defer working.Done()
		io.WriteString(w, "got the task!\n")
		if err := eof.Send(r.Context()); err != nil {
			b.Error(err)
		}
		if r.URL.Path == "/work" {
			<-time.After(100 * time.Millisecond)
		}
	}))))
	life.Attach(s.Config)
	s.Start()
	defer func() {
		s.Close()
		if err := life.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	var work, plain []time.Duration
	for b.Loop() {
		work, plain = nil, nil
		for range 21 {
			plain = append(plain, inARow(b, s, "/plain"))
			work = append(work, inARow(b, s, "/work"))
			working.Wait()
		}
	}
	slices.Sort(work)
	slices.Sort(plain)
	with, without := work[len(work)/2], plain[len(plain)/2]
	b.ReportMetric(float64(with)/float64(without), "ratio")
	b.ReportMetric(float64(with)/50, "ns/request")
	b.ReportMetric(0, "ns/op") // it has the waiting for the work in it
}

// inARow gives the time of 50 requests on the server's one connection.
func inARow(b *testing.B, s *httptest.Server, path string) time.Duration {
	tr := s.Client().Transport.(*http.Transport)
	tr.MaxConnsPerHost = 1
	start := time.Now()
	for range 50 {
		res, err := s.Client().Get(s.URL + path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			b.Fatal(err)
		}
		res.Body.Close()
	}
	return time.Since(start)
}

// BenchmarkHeld is the memory of 10,000 requests whose handlers are at work at
// once, the connection included, after a garbage collection; over-B/held is
// heap and stack above those of bare net/http. Each request has a connection of
// its own, HTTP/1.1 over pipes in memory (internal/pipenet), as sockets would
// need 20,000 descriptors. The client has read what there is of the answer: all
// of it with Send, nothing without.
func BenchmarkHeld(b *testing.B) {
	const held = 10_000
	warmUp(held)
	bare := sync.OnceValue(func() memory { return hold(b, held, heldBare) })
	for _, c := range []struct {
		name string
		make func() contestant
	}{
		{"bare", heldBare},
		{"TimeoutHandler", func() contestant {
			return contestant{Handler: http.TimeoutHandler(answering(nil), time.Hour, "")}
		}},
		{"Detach", func() contestant {
			background := eof.New(eof.Options{})
			return contestant{Handler: background.Detach(answering(nil)), drain: background.Shutdown}
		}},
		{"DetachSend", heldSend},
		{"LifecycleDetachSend", func() contestant {
			life := middleware.New(middleware.Options{})
			return contestant{life.Handler(life.Detach(answering(eof.Send))), life.Attach, life.Shutdown, true}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var m memory
			for b.Loop() {
				m = hold(b, held, c.make)
			}
			b.ReportMetric(m.heap, "heap-B/held")
			b.ReportMetric(m.stack, "stack-B/held")
			b.ReportMetric(m.goroutines, "goroutines/held")
			b.ReportMetric(m.heap+m.stack-bare().heap-bare().stack, "over-B/held")
			b.ReportMetric(m.goroutines-bare().goroutines, "over-goroutines/held")
		})
	}
}

// contestant is a handler and what comes with it.
type contestant struct {
	http.Handler
	attach func(*http.Server)          // nil: nothing
	drain  func(context.Context) error // nil: nothing
	sends  bool                        // the answer is out while the handler is at work
}

func heldBare() contestant { return contestant{Handler: answering(nil)} }

func heldSend() contestant {
	background := eof.New(eof.Options{})
	return contestant{Handler: background.Detach(answering(eof.Send)), drain: background.Shutdown, sends: true}
}

// A handler at work after Send takes no more than this; BenchmarkHeld has the
// others.
func TestBudget_Held(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector has a memory of its own")
	}
	const held = 4000
	warmUp(held)
	bare, send := hold(t, held, heldBare), hold(t, held, heldSend)
	bytes, goroutines := send.heap+send.stack-bare.heap-bare.stack, send.goroutines-bare.goroutines
	if bytes > 6.5*1024 || goroutines > 1.1 {
		t.Errorf("a handler after Send takes %.0f bytes and %.1f goroutines above a bare one, want at most 6656 and 1", bytes, goroutines)
	}
}

type holdKey struct{}

// holding is how the handlers of one server tell that they are at work, and
// learn when to end.
type holding struct {
	at   sync.WaitGroup
	over chan struct{}
}

const heldAnswer = "got the task!\n"

// answering is a handler that answers, calls send, and works on.
func answering(send func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := r.Context().Value(holdKey{}).(*holding)
		io.WriteString(w, heldAnswer)
		if send != nil {
			if err := send(r.Context()); err != nil {
				panic(err)
			}
		}
		state.at.Done()
		<-state.over
	})
}

// pipes is a listener for pipes.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p); return nil } // net/http calls it once
func (p pipes) Addr() net.Addr { return new(net.TCPAddr) }

// memory is what a held request takes.
type memory struct{ heap, stack, goroutines float64 }

func inUse() memory {
	for range 3 { // pools give up what they keep at the second; stacks shrink
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{float64(m.HeapAlloc), float64(m.StackInuse), float64(runtime.NumGoroutine())}
}

// warmUp has the runtime make what it never gives back: 0.4 KB of each goroutine.
func warmUp(held int) {
	var all sync.WaitGroup
	over := make(chan struct{})
	for range 4 * held {
		all.Go(func() { <-over })
	}
	close(over)
	all.Wait()
}

// hold has a new contestant serve n requests at once.
func hold(b testing.TB, n int, contest func() contestant) memory {
	c := contest()
	state := &holding{over: make(chan struct{})}
	state.at.Add(n)
	if c.sends {
		state.at.Add(n) // their connections are idle again
	}
	var closed sync.WaitGroup
	closed.Add(n)
	srv := &http.Server{
		Handler:     c,
		BaseContext: func(net.Listener) context.Context { return context.WithValue(context.Background(), holdKey{}, state) },
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch {
			case s == http.StateIdle && c.sends:
				state.at.Done()
			case s == http.StateClosed:
				closed.Done()
			}
		},
	}
	if c.attach != nil {
		c.attach(srv)
	}
	ln := make(pipes)
	go srv.Serve(ln)
	before := inUse()
	clients := ask(b, n, ln, c.sends)
	state.at.Wait()
	after := inUse()
	close(state.over)
	for _, client := range clients {
		client.Close()
	}
	closed.Wait()
	srv.Close()
	if c.drain != nil {
		if err := c.drain(context.Background()); err != nil {
			b.Error(err)
		}
	}
	per := func(after, before float64) float64 { return (after - before) / float64(n) }
	return memory{per(after.heap, before.heap), per(after.stack, before.stack), per(after.goroutines, before.goroutines)}
}

// ask sends n requests, and reads their answers if there are any.
func ask(b testing.TB, n int, ln pipes, answered bool) (clients []*pipenet.Conn) {
	answer := make([]byte, 1<<10)
	for range n {
		client, server := pipenet.Pipe(4 << 10)
		clients = append(clients, client)
		ln <- server
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"); err != nil {
			b.Fatal(err)
		}
		for got := 0; answered && !bytes.HasSuffix(answer[:got], []byte(heldAnswer)); {
			m, err := client.Read(answer[got:])
			if err != nil {
				b.Fatal(err)
			}
			got += m
		}
	}
	return clients
}
