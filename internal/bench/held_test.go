package bench_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

type holdKey struct{}

// holding is how the handlers of one server tell that they are at work, and
// learn when to end.
type holding struct {
	at   sync.WaitGroup
	over chan struct{}
}

const heldAnswer = "got the task!\n"

// answering is a handler that answers, calls send, and keeps running.
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
