package conn

import (
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
	if c.left.Load() == uint32(peer.Unknown) && c.server().takeLostPing() {
		c.left.Store(uint32(peer.Closed))
	}
	s := peer.State(c.left.Load())
	c.end.mu.Unlock()
	if s != peer.Unknown {
		return s
	}
	if s = c.leftBeforeClose(); s != peer.Unknown {
		c.left.Store(uint32(s)) // every caller finds the same
	}
	return s
}

// leftBeforeClose finds the proof that a close leaves behind: over TLS in the
// close_notify that goes ahead of it, else by the socket that was kept.
func (c *Conn) leftBeforeClose() peer.State {
	if t, secure := c.tls(); secure {
		if peer.IsBroken(nethttp.CloseNotifyError(t)) {
			return peer.Reset
		}
		return peer.Unknown // the close_notify went out: the client's end may be the answer
	}
	c.end.mu.Lock()
	defer c.end.mu.Unlock()
	if c.end.kept != nil {
		if s := c.end.kept.State(); s == peer.Closed || s == peer.Reset {
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
	kept   *kept // nil if there is none
}

// kept is a second descriptor of a socket, see keepSocket.
type kept struct {
	peer.Kept
	cleanup runtime.Cleanup
}

// keepSocket keeps the socket of a connection that speaks HTTP/2 without TLS, if
// somebody waits for its end, until the hook says that the connection is closed. After
// a Close of the connection the socket still says what has become of the client; and
// the client hears of the Close when the hook is called. If somebody has replaced the
// hook meanwhile, the garbage collector closes the descriptor.
func (c *Conn) keepSocket() {
	if c.IsTLS() || !c.hooked.Load() {
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

// forgetSocket closes what keepSocket has kept, and lets it keep nothing from now on.
func (c *Conn) forgetSocket() {
	c.end.mu.Lock()
	defer c.end.mu.Unlock()
	c.end.closed = true
	if c.end.kept != nil {
		c.end.kept.cleanup.Stop()
		c.end.kept.Close()
		c.end.kept = nil
	}
}
