// Package peer tells that the other end of a connection left, also where
// net/http is blind: with an unread request body, pipelined bytes or a
// hijacked connection. It asks the kernel and takes nothing from the socket.
//
// One goroutine, started by the first [Conn.Watch] that finds a socket, serves
// all connections and stays for the life of the process. Real sockets therefore
// do not belong into a testing/synctest bubble: it would wait for that goroutine
// at its end. net.Pipe does, and so does a connection of memory that tells itself:
// it has no socket, and starts nothing.
//
// A Conn has a lock, and so has that goroutine's table; the lock of the Conn is the
// first of the two. The package imports nothing of this module.
package peer

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// State is what the socket says of the peer.
type State uint8

const (
	// Unknown: nobody can be asked. Neither a socket that this system can watch, nor a
	// connection that tells itself.
	Unknown State = iota

	// Alive: nothing says that the peer left.
	Alive

	// Closed: FIN. The peer closed, or shut down its sending side; the two
	// look the same until something is sent to it.
	Closed

	// Reset: no byte passes either way any more. RST, a timeout or another
	// socket error, and also the rare ends that look like one afterwards: both
	// sides shut down in order, a unix socket whose peer closed.
	Reset

	// Local: this process closed the connection.
	Local
)

// Watcher is told that the peer went.
type Watcher interface {
	// PeerGone is called with Closed or Reset, at most once with each; Closed
	// may be followed by Reset, never the other way round. It must not block
	// and must not call Watch or Unwatch of the same Conn. It runs on the
	// goroutine that serves all connections, or on the one that calls Watch.
	PeerGone(State)
}

// Conn is one accepted connection and at most one Watcher of it. It does not
// close the connection and need not be closed itself: nothing but its owner
// keeps it alive. All methods may be called from any goroutine.
type Conn struct {
	nc net.Conn // set by Init, never written again

	// told is the worst State that PeerGone has been, or would have been,
	// called with. Written under mu, and only upwards; read by anyone.
	told atomic.Uint32

	// key is what the poller knows the socket by, beside its descriptor; 0: it
	// does not. Set once and for all under mu and the poller's mutex, and read
	// under either. A connection that tells itself has a key that no poller knows.
	key uint32

	// mu is held while PeerGone runs, against the rule that no lock is held in
	// foreign code: waiting for it is how Unwatch waits for a running PeerGone.
	// A sync.Cond would do too, but cannot be woken from outside a synctest
	// bubble.
	mu      sync.Mutex
	watcher Watcher
}

// New returns the Conn of c. There should be one per connection: if two of them
// watch the same socket, events reach the one that began last.
func New(c net.Conn) *Conn {
	k := new(Conn)
	k.Init(c)
	return k
}

// Init makes the zero Conn that of c, as New does, for a Conn that is part of
// something else. It makes no system call and starts nothing.
func (c *Conn) Init(nc net.Conn) { c.nc = nc }

// NetConn returns the connection given to Init or New.
func (c *Conn) NetConn() net.Conn {
	return c.nc
}

// ClosedHere reports whether a connection of which the socket says nothing may have
// been closed by this process: it no longer takes a deadline. net.Pipe says the
// same when the other end was closed. What is asked takes the read deadline away,
// as net/http does before it waits for the client's end; so it is to be asked
// when that wait is over.
func (c *Conn) ClosedHere() (closed bool) {
	defer func() {
		if recover() != nil { // foreign code
			closed = false
		}
	}()
	return c.State() == Unknown && c.nc.SetReadDeadline(time.Time{}) != nil
}

// State asks the socket now, or a connection that tells itself. It consumes
// nothing: neither bytes nor a pending error, which a later Read still meets. What
// an event has told before stays true: Reset remains Reset, and Closed can become
// nothing but Reset, also after this process closed the connection.
func (c *Conn) State() State {
	now := c.ask()
	// Read after asking: an event in between must not be undone.
	switch told := State(c.told.Load()); told {
	case Reset:
		return Reset
	case Closed:
		if now != Reset {
			return Closed
		}
	}
	return now
}

// Watch makes w the watcher of c, in place of another, and reports whether it
// is: a connection has one request at a time, and the newest is the one to tell.
// It is not if nothing can be watched: no socket, no support on this system, the
// connection closed by this process before anyone watched it. Then PeerGone is
// never called. If the peer has left already, PeerGone is called
// before Watch returns or soon after. The caller keeps c reachable until it
// calls Unwatch.
func (c *Conn) Watch(w Watcher) bool {
	if !c.registered() && !c.subscribe() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == 0 {
		c.key = 1 // it tells itself, and need not be asked to again
	}
	c.watcher = w
	if told := State(c.told.Load()); told >= Closed {
		w.PeerGone(told)
	}
	return true
}

// registered reports whether the end of c will be told, for which the poller is asked
// if nobody has been.
func (c *Conn) registered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key != 0 || c.register()
}

// Unwatch removes w; it does nothing if w is not the watcher. After it
// returned, PeerGone of w is neither running nor will be called.
func (c *Conn) Unwatch(w Watcher) {
	c.mu.Lock()
	if c.watcher == w {
		c.watcher = nil
	}
	c.mu.Unlock()
}

// event takes what the poller found out, and remembers it for the next watcher
// if there is none now.
func (c *Conn) event(s State) {
	if s != Closed && s != Reset {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s <= State(c.told.Load()) {
		return
	}
	c.told.Store(uint32(s))
	if c.watcher != nil {
		c.watcher.PeerGone(s)
	}
}
