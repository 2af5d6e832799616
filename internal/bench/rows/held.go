package rows

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// Held gives the rows whose handlers are held at work, each new for each use.
func Held() []func() Row {
	return []func() Row{
		HeldBare,
		func() Row {
			return Row{Name: "TimeoutHandler", Handler: http.TimeoutHandler(answering(nil), time.Hour, "")}
		},
		func() Row { return lifecycle("Lifecycle", middleware.Options{}, answering(nil)) },
		func() Row { return lifecycle("LifecycleOn", middleware.Options{}, on(answering(nil))) },
		func() Row {
			b := eof.New(eof.Options{Detached: 1 << 20})
			return Row{Name: "Detach", Handler: b.Detach(answering(nil)), Drain: b.Shutdown}
		},
		HeldSend,
		func() Row {
			l := middleware.New(middleware.Options{Background: eof.Options{Detached: 1 << 20}})
			return Row{"LifecycleDetachSend", l.Handler(l.Detach(answering(eof.Send))), l.Attach, l.Shutdown, true}
		},
	}
}

// HeldBare is a handler at work with net/http alone.
func HeldBare() Row { return Row{Name: "bare", Handler: answering(nil)} }

// HeldSend is a handler at work after eof.Send.
func HeldSend() Row {
	b := eof.New(eof.Options{Detached: 1 << 20})
	return Row{Name: "DetachSend", Handler: b.Detach(answering(eof.Send)), Drain: b.Shutdown, Sends: true}
}

type holdKey struct{}

// holding is how the handlers of one server tell that they are at work, and
// learn when to end.
type holding struct {
	at   sync.WaitGroup
	over chan struct{}
}

const heldAnswer = "got the task!\n"

// answering is a handler that answers, calls send, and keeps running.
func answering(send func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		state := r.Context().Value(holdKey{}).(*holding)
		io.WriteString(w, heldAnswer)
		if send != nil {
			must(send(r.Context()))
		}
		state.at.Done()
		<-state.over
	}
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

// Memory is what a held request takes: bytes of heap and of stacks, and goroutines.
type Memory struct{ Heap, Stack, Goroutines float64 }

func inUse() Memory {
	for range 3 { // pools give up what they keep at the second; stacks shrink
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Memory{float64(m.HeapAlloc), float64(m.StackInuse), float64(runtime.NumGoroutine())}
}

// WarmUp has the runtime make what it never gives back for Hold with as many: 0.4 KB of
// each goroutine.
func WarmUp(held int) {
	var all sync.WaitGroup
	over := make(chan struct{})
	for range 4 * held {
		all.Go(func() { <-over })
	}
	close(over)
	all.Wait()
}

// Hold has row, which is one of Held, serve n requests at once, and gives what one takes,
// its connection included, after a garbage collection. Each has a connection of its own,
// HTTP/1.1 over pipes in memory, as n sockets would need 2n descriptors. The client has
// read what there is of the response: all of it with Send, nothing without.
func Hold(n int, row Row) (Memory, error) {
	state := &holding{over: make(chan struct{})}
	state.at.Add(n)
	if row.Sends {
		state.at.Add(n) // their connections are idle again
	}
	var closed sync.WaitGroup
	closed.Add(n)
	srv := &http.Server{
		Handler:     row,
		ErrorLog:    log.New(io.Discard, "", 0), // a Lifecycle says that there is no socket
		BaseContext: func(net.Listener) context.Context { return context.WithValue(context.Background(), holdKey{}, state) },
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch {
			case s == http.StateIdle && row.Sends:
				state.at.Done()
			case s == http.StateClosed:
				closed.Done()
			}
		},
	}
	if row.Attach != nil {
		row.Attach(srv)
	}
	ln := make(pipes)
	go srv.Serve(ln)
	before := inUse()
	clients, err := ask(n, ln, row.Sends)
	if err != nil {
		return Memory{}, err
	}
	state.at.Wait()
	after := inUse()
	close(state.over)
	for _, client := range clients {
		client.Close()
	}
	closed.Wait()
	err = srv.Close()
	if row.Drain != nil {
		err = errors.Join(err, row.Drain(context.Background()))
	}
	per := func(after, before float64) float64 { return (after - before) / float64(n) }
	return Memory{per(after.Heap, before.Heap), per(after.Stack, before.Stack), per(after.Goroutines, before.Goroutines)}, err
}

// ask sends n requests, and reads their answers if there are any.
func ask(n int, ln pipes, answered bool) (clients []*pipenet.Conn, err error) {
	answer := make([]byte, 1<<10)
	for range n {
		client, server := pipenet.Pipe(4 << 10)
		clients = append(clients, client)
		ln <- server
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"); err != nil {
			return nil, err
		}
		for got := 0; answered && !bytes.HasSuffix(answer[:got], []byte(heldAnswer)); {
			m, err := client.Read(answer[got:])
			if err != nil {
				return nil, err
			}
			got += m
		}
	}
	return clients, nil
}
