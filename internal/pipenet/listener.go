package pipenet

import (
	"context"
	"net"
	"slices"
	"sync"
)

// listener hands the server ends of new pipes to Accept and remembers the
// client ends.
type listener struct {
	accept chan *Conn // unbuffered: a dial returns once its pipe is accepted
	closed chan struct{}
	close  func() // closes closed, once

	mu      sync.Mutex
	clients []*Conn
}

func newListener() *listener {
	l := &listener{accept: make(chan *Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	case c := <-l.accept:
		return c, nil
	}
}

func (l *listener) Close() error {
	l.close()
	return nil
}

func (l *listener) Addr() net.Addr { return addr(2, 80) }

// dial gives each client a port of its own, counted from 40000.
func (l *listener) dial(ctx context.Context) (*Conn, error) {
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

// dialed returns the client ends so far, in the order of their dials.
func (l *listener) dialed() []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.clients)
}
