package conn

import (
	"errors"
	"net"
	"runtime"
	"sync"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// LeftFirst says how the client left an HTTP/2 connection that this process has closed
// or begun to close, if the client left before that, and peer.Unknown if it did not.
//
// The hook may not have noted it yet, so it is also asked here. If net/http cannot
// write a frame, it closes the connection at once (wroteFrame in h2_bundle.go), before
// it has read the client's end. And it ends the contexts of the streams one after the
// other, and calls the hook at the last one only.
func (c *Conn) LeftFirst() peer.State {
	c.end.mu.Lock()
	c.askKeptLocked()
	if c.left.Load() == uint32(peer.Unknown) {
		c.takeLostPingLocked()
	}
	s := peer.State(c.left.Load())
	c.end.mu.Unlock()
	if s != peer.Unknown {
		return s
	}
	s = c.leftBeforeNotify()
	c.left.CompareAndSwap(uint32(peer.Unknown), uint32(s)) // every caller finds the same
	return s
}

// takeLostPingLocked notes that the client has not answered a ping, if that is why the
// connection is closed.
func (c *Conn) takeLostPingLocked() {
	if !c.end.pinged && c.server().takeLostPing() {
		c.end.pinged = true
		c.left.Store(uint32(peer.Closed))
	}
}

// forgetLostPing has a lost ping of c, on which no stream was left and nobody has asked,
// not be taken for that of another connection. Over TLS lookAtTheEnd has noted an end
// before there was one, so the socket says whether the client has left.
func (c *Conn) forgetLostPing() {
	c.end.mu.Lock()
	defer c.end.mu.Unlock()
	if c.isH2.Load() && c.peer.State() == peer.Local && (c.left.Load() == uint32(peer.Unknown) || c.IsTLS()) {
		c.takeLostPingLocked()
	}
}

// leftBeforeNotify finds the proof in the close_notify that goes ahead of a close. If it
// went out, the client's end may be the answer. If it met a socket that this process had
// closed, none went out: crypto/tls sends none where it is closed beside a Write, which
// may be that of ClosingTLS. Then the client's end, if the socket has told of one before
// it was closed, is no answer.
func (c *Conn) leftBeforeNotify() peer.State {
	t, secure := c.tls()
	if !secure {
		return peer.Unknown
	}
	switch err := nethttp.CloseNotifyError(t); {
	case peer.IsBroken(err):
		return peer.Reset
	case errors.Is(err, net.ErrClosed):
		if s := c.peer.State(); s == peer.Closed || s == peer.Reset {
			return s
		}
	}
	return peer.Unknown
}

// closing is what LeftFirst has to go by. Its mutex is held for one question to the
// socket, and no other mutex is locked meanwhile.
type closing struct {
	mu     sync.Mutex
	closed bool  // the connection has been closed or hijacked: no socket is kept from then on
	pinged bool  // takeLostPingLocked has taken one
	kept   *kept // nil if there is none
}

// kept is a second descriptor of a socket, see keepSocket.
type kept struct {
	peer.Kept
	cleanup runtime.Cleanup
}

// keepSocket keeps the socket of a connection that speaks HTTP/2 without TLS, from the
// first StateActive until the hook says that the connection is closed. After a Close of
// the connection the socket still says what has become of the client; and the client
// hears of the Close when the hook is called. If somebody has replaced the hook meanwhile,
// the garbage collector closes the descriptor.
//
// It is not too early: net/http calls the hook before it reads the first frame, and may
// have closed the connection when the handler of the first request begins.
func (c *Conn) keepSocket() {
	if c.IsTLS() {
		return
	}
	c.end.mu.Lock()
	defer c.end.mu.Unlock()
	if c.end.closed || c.end.kept != nil {
		return
	}
	if k, ok := c.peer.Keep(); ok {
		c.end.kept = &kept{k, runtime.AddCleanup(c, peer.Kept.Close, k)}
	}
}

// askKeptLocked notes what the socket that was kept says of the client.
func (c *Conn) askKeptLocked() {
	if c.end.kept == nil || c.left.Load() != uint32(peer.Unknown) {
		return
	}
	if s := c.end.kept.State(); s == peer.Closed || s == peer.Reset {
		c.left.Store(uint32(s))
	}
}

// forgetSocket closes what keepSocket has kept, and lets it keep nothing from now on.
// Before that it asks for the last time. A connection on which no stream is left ends
// without another StateIdle; but a request whose stream the client has reset may still
// be at work, or be about to begin, and ask later.
func (c *Conn) forgetSocket() {
	c.end.mu.Lock()
	defer c.end.mu.Unlock()
	c.end.closed = true
	c.askKeptLocked()
	if c.end.kept != nil {
		c.end.kept.cleanup.Stop()
		c.end.kept.Close()
		c.end.kept = nil
	}
}
