package peer

import (
	"errors"
	"io"
	"net"
)

// teller is a connection that knows itself how the other end has left: one that is
// made of memory, and has no socket that could be asked. docs/aborts.md tells how to
// write one. The two methods together are no accident, and they are asked only where
// no socket was found, so that no wrapper of a socket speaks for the kernel.
type teller interface {
	// PeerEnd says how many bytes have arrived that nobody has read, whether a Write
	// waits for the other end to read, and what is known of that end. nil: it is
	// there. io.EOF: it has closed, or shut down its sending side. net.ErrClosed: this
	// end was closed, and the other was there until then. Any other error: no byte
	// passes any more. It neither waits nor takes anything away. How the other end left
	// before this end was closed stays true.
	PeerEnd() (unread int, stuck bool, err error)

	// NotifyPeerEnd has notify called soon after each change of PeerEnd's error, in
	// place of an earlier notify. It is called without a lock that PeerEnd takes, on
	// any goroutine.
	NotifyPeerEnd(notify func())
}

// teller gives the layer of c that tells, if there is one and no socket.
func (c *Conn) teller() (t teller, ok bool) {
	if t, ok = As[teller](c.nc); !ok || c.hasSocket() {
		return nil, false
	}
	return t, true
}

// askTeller asks the connection itself. Its methods are foreign code: one that panics
// says nothing.
func (c *Conn) askTeller() (a answer) {
	defer func() {
		if recover() != nil {
			a = answer{}
		}
	}()
	t, ok := c.teller()
	if !ok {
		return a
	}
	var err error
	a.unread, a.stuck, err = t.PeerEnd()
	switch {
	case err == nil:
		a.state = Alive
	case err == io.EOF:
		a.state = Closed
	case errors.Is(err, net.ErrClosed):
		a.state = Local
	default:
		a.state = Reset
	}
	return a
}

// answer is that of a teller. The zero answer is that of nobody.
type answer struct {
	state  State
	unread int
	stuck  bool
}

// IsStuck reports whether a Write is known to wait for the other end to read, which
// only a connection that tells itself can know.
func (c *Conn) IsStuck() bool { return c.askTeller().stuck }

// subscribe has the connection itself tell of the other end's end, and reports
// whether it will. No lock is held: these are foreign methods, and they may call
// notify at once.
func (c *Conn) subscribe() (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	t, ok := c.teller()
	if !ok {
		return false
	}
	notify := func() { c.event(c.ask()) }
	t.NotifyPeerEnd(notify)
	notify() // it may have left before
	return true
}

// ask asks now, without regard to what events told: the socket, or else the
// connection itself.
func (c *Conn) ask() State {
	if s := c.askSocket(); s != Unknown {
		return s
	}
	return c.askTeller().state
}

// HasSocket reports whether a socket was found, or a connection that can tell in its
// place. Where this system has no watcher it is true: there is nothing to miss.
func (c *Conn) HasSocket() bool {
	if c.hasSocket() {
		return true
	}
	_, ok := As[teller](c.nc)
	return ok || !watches
}

// Unread returns how many bytes have arrived that nobody has read from the
// connection, 0 where that cannot be known. It takes none of them.
func (c *Conn) Unread() int {
	if n, ok := c.unreadSocket(); ok {
		return n
	}
	return c.askTeller().unread
}
