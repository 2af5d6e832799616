package pipenet

import (
	"context"
	"net"
	"slices"
	"sync"
)

// Listener hands the server ends of new pipes to Accept and remembers the
// client ends.
type Listener struct {
	tells  bool       // what Accept gives is a Teller
	accept chan *Conn // unbuffered: a dial returns once its pipe is accepted
	closed chan struct{}
	close  func() // closes closed, once

	mu      sync.Mutex
	clients []*Conn
}

// Listen returns a Listener of an in-memory network of its own. tells: what it
// accepts is a [Teller] each.
func Listen(tells bool) *Listener {
	l := &Listener{tells: tells, accept: make(chan *Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

// Accept waits for a Dial.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	case c := <-l.accept:
		if l.tells {
			return Teller{c}, nil
		}
		return c, nil
	}
}

// Close makes Accept and Dial fail from now on.
func (l *Listener) Close() error {
	l.close()
	return nil
}

// Addr is that of the server, a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return addr(2, 80) }

// Dial opens a connection, and waits until it is accepted. Each client has a port of
// its own, counted from 40000.
func (l *Listener) Dial(ctx context.Context) (*Conn, error) {
	l.mu.Lock()
	client, server := pipe(Window, addr(1, 40000+len(l.clients)), l.Addr())
	l.clients = append(l.clients, client)
	l.mu.Unlock()

	var err error
	select {
	case l.accept <- server:
		return client, nil
	case <-l.closed:
		err = errRefused
	case <-ctx.Done():
		err = ctx.Err()
	}
	client.Close()
	return nil, client.wrap("dial", err)
}

// Dialed returns the client ends so far, in the order of their dials.
func (l *Listener) Dialed() []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.clients)
}
