package conn

import (
	"crypto/tls"
	"net"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// Turn numbers the requests of an HTTP/1 connection, in a few bytes of a request.
// 0: nobody tells when the request's turn is over.
type Turn uint32

// Lease is the right of one HTTP/1 request to act on its connection: what it does
// by [Lease.Act] is done to its own connection, and never to that of the request
// after it.
//
// Where the server's ConnState hook is lastbyte's, a lease is bounded and proves
// that by itself. The hook is called when the response is out, before net/http
// reads the next request from the connection, and it waits for what is in Act; from
// then on the lease is over, and Act does nothing. Without that hook the holder
// has to prove in another way that net/http is still waiting for its request.
//
// The zero Lease is that of no connection, or of one that serves several requests
// at a time: nothing can be done by it.
type Lease struct {
	conn *Conn
	turn Turn
}

// Begin gives the turn of an HTTP/1 request that begins. If there is a hook, it
// has been told of StateActive for it.
func (c *Conn) Begin() Turn {
	n := c.turn.Load()
	if n == toldOfNew {
		c.hook.fail()
		return 0
	}
	return Turn(n)
}

// Values of Conn.turn that are no request's.
const (
	untold    = 0 // the hook was never called
	toldOfNew = 1 // it was called for StateNew, and for nothing since
)

// nextTurn ends the leases of all requests: their response is out, or no other
// byte of one goes out. The first call, for StateNew, says that such calls come; a
// hook that passes no other state on leaves it at that.
func (c *Conn) nextTurn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn.Add(1) == untold { // after 2^32 of them
		c.turn.Store(toldOfNew + 1)
	}
}

// Lease gives the lease of the request that has the turn t. c may be nil: then it
// is the zero Lease.
func (c *Conn) Lease(t Turn) Lease { return Lease{c, t} }

// Bounded reports whether it is known when the lease is over.
func (l Lease) Bounded() bool { return l.conn != nil && l.turn != 0 }

// Over reports whether the lease is known to be over: the connection may serve
// another request. It may be over in the next moment, too; only within Act it is
// not.
func (l Lease) Over() bool { return l.Bounded() && !l.holds() }

func (l Lease) holds() bool { return l.conn.turn.Load() == uint32(l.turn) }

// Act has act run on the connection, unless the lease is over, and reports whether
// it ran. The hook waits for act, so act must not call what may wait for the
// client, or for the end of the request. Where the lease is not bounded, the
// caller has the proof that the request has the connection.
//
// A connection of a type that is not the standard library's may do in its methods
// what it likes. They run without the lock, right after the look.
func (l Lease) Act(act func(nc net.Conn)) (ran bool) {
	return l.do(func(p *peer.Conn) { act(p.NetConn()) })
}

func (l Lease) do(act func(p *peer.Conn)) (ran bool) {
	c := l.conn
	if c == nil {
		return false
	}
	if l.Bounded() {
		c.mu.Lock()
		if !l.holds() {
			c.mu.Unlock()
			return false
		}
		if standard(c.peer.NetConn()) {
			defer c.mu.Unlock()
		} else {
			c.mu.Unlock()
		}
	}
	act(&c.peer)
	return true
}

// standard reports whether the methods of nc are those of the standard library,
// and those of what it wraps, too.
func standard(nc net.Conn) bool {
	for range 2 {
		switch c := nc.(type) {
		case *net.TCPConn, *net.UnixConn:
			return true
		case *tls.Conn:
			nc = c.NetConn()
		}
	}
	return false
}

// ClosedHere reports whether a connection whose socket says nothing may have been
// closed by this process. It takes the read deadline away, so it is one of the
// things that need a lease.
func (l Lease) ClosedHere() (closed bool) {
	l.do(func(p *peer.Conn) { closed = p.ClosedHere() })
	return closed
}

// Watch makes w the watcher of the connection, in place of another request's, and
// reports whether it is.
func (l Lease) Watch(w peer.Watcher) (watched bool) {
	l.do(func(p *peer.Conn) { watched = p.Watch(w) })
	return watched
}

// WhenIdle keeps f, which runs when the last byte of the response is out. It
// reports false if nobody would call f then, or if the response is out.
func (l Lease) WhenIdle(f func()) bool {
	if !l.Bounded() {
		return false
	}
	c := l.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.runsIdle || !l.holds() {
		return false
	}
	if c.idle = append(c.idle, f); c.isUnsure && len(c.idle) == 1 {
		c.lookForEnd(time.Now()) // once for all that waits
	}
	return true
}

// unknownEnd is how long what waits for a response waits for word of its end where no
// socket can be asked for it.
const unknownEnd = 2 * time.Minute

// lookForEnd asks the socket from time to time whether the connection has ended, where
// the hook may not be told, and runs then what waits for the response. Where there is no
// socket to ask, the hook is given unknownEnd: what runs then may come ahead of the last
// byte, but is not lost.
func (c *Conn) lookForEnd(since time.Time) {
	time.AfterFunc(100*time.Millisecond, func() {
		c.mu.Lock()
		waits := len(c.idle) > 0
		c.mu.Unlock()
		if !waits {
			return
		}
		switch state := c.Peer(); {
		case state == peer.Alive, state == peer.Unknown && time.Since(since) < unknownEnd:
			c.lookForEnd(since)
		default:
			c.runIdle(true)
		}
	})
}

// runIdle runs what waits for the last byte of the response, which is out. more:
// there may be other responses. It is also called when the next request begins,
// in case nobody has told of the end of the last.
func (c *Conn) runIdle(more bool) {
	c.mu.Lock()
	fns := c.idle
	c.idle = nil
	c.runsIdle = more
	c.mu.Unlock()
	for _, f := range fns {
		f()
	}
}
