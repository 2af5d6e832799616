package conn

import (
	"runtime"
	"sync"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// LeftFirst says how the client left a connection that this process has closed,
// or begun to, if it did so before; peer.Unknown if not. Where net/http cannot
// write a frame it closes the connection at once (wroteFrame in h2_bundle.go),
// before it has read the client's end; and it ends the contexts of several
// streams one after the other, and calls the hook with the last. So what the hook
// has not noted is asked here.
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
		return peer.Unknown // it went out: what the client does may be the answer
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

// closing is what LeftFirst has to go by. Its mutex is held for one question to
// the socket, and never while another is taken.
type closing struct {
	mu     sync.Mutex
	closed bool  // no socket is kept any more
	kept   *kept // nil: none
}

// kept is a second descriptor of a socket, see keepSocket.
type kept struct {
	peer.Kept
	cleanup runtime.Cleanup
}

// keepSocket keeps the socket of a connection that speaks HTTP/2 without TLS
// until the hook says that the connection is closed: its Close does not take away
// then what the socket says, and the client hears of the Close no later than the
// hook. It is done for connections whose end somebody waits for. Where somebody
// has replaced the hook meanwhile, the garbage collector closes the descriptor.
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

func (c *Conn) forgetSocket() {
	c.end.mu.Lock()
	defer c.end.mu.Unlock()
	c.end.closed = true // a handler that asks now comes too late
	if c.end.kept != nil {
		c.end.kept.cleanup.Stop()
		c.end.kept.Close()
		c.end.kept = nil
	}
}
