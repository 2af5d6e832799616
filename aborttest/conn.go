package aborttest

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Conn is the client's end of a connection: what a client does to the server that no
// http.Client does. Its methods may be called from any goroutine.
type Conn struct {
	net.Conn
	over context.Context // ends when nothing more can be read
	done context.CancelFunc

	mu     sync.Mutex
	change *sync.Cond // of mu; broadcast when one of these changes
	paused bool       // by StopReading
	closed bool
}

// halfCloser is what a connection of either network can do.
type halfCloser interface{ CloseWrite() error }

func newConn(c net.Conn) *Conn {
	k := &Conn{Conn: c}
	k.over, k.done = context.WithCancel(context.Background())
	k.change = sync.NewCond(&k.mu)
	return k
}

// Read is that of a net.Conn. After Leave(StopReading) it waits until the connection
// is closed here.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.paused && !c.closed { // a Read that was under way, too
		c.change.Wait()
	}
	if c.closed {
		return 0, net.ErrClosed
	}
	return n, err
}

// Close ends both directions with a FIN.
func (c *Conn) Close() error {
	defer c.end()
	return c.Conn.Close()
}

// end wakes a Read that StopReading holds, and a body that stalls.
func (c *Conn) end() {
	c.done()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.change.Broadcast()
}

// Leave makes the client leave in one of the ways that a connection has: Close, Reset,
// HalfClose, StopReading. It panics for the others.
func (c *Conn) Leave(way Way) error {
	switch way {
	case Close:
		return c.Close()
	case Reset:
		// First the RST. Whoever end wakes closes the connection, as Go's client does when
		// its request body fails, and over TLS the server would read a close_notify.
		defer c.end()
		switch r := c.Conn.(type) {
		case interface{ SetLinger(sec int) error }: // a socket
			return errors.Join(r.SetLinger(0), c.Conn.Close())
		case interface{ Reset() }:
			r.Reset()
		}
		return nil
	case HalfClose:
		return c.Conn.(halfCloser).CloseWrite()
	case StopReading:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.paused = true
		return nil
	}
	panic("aborttest: Conn.Leave: a connection has no " + string(way))
}
