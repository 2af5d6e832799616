package conn

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// Hook is a server's ConnState hook, and what it knows of the connections.
//
// A program may put a hook of its own in the place of this one after it was
// installed, and then this one is never called. So a connection is known from the
// moment when the hook is first called for it, not from ConnContext on: net/http
// calls both one after the other, on the goroutine that accepts.
type Hook struct {
	server *Server
	defers bool        // deferred functions may wait for StateIdle
	failed atomic.Bool // states are missing
	conns  sync.Map    // peer.Key to *Conn: those that are open, and of which StateNew was told

	mu    sync.Mutex
	fresh []weak.Pointer[Conn] // between ConnContext and StateNew, or never told of
}

// maxFresh bounds fresh. Each goroutine that accepts has one connection in it.
const maxFresh = 64

// NewHook makes the hook of a server for which deferred functions wait until the
// response is written.
func NewHook(s *Server) *Hook { return &Hook{server: s, defers: true} }

// Before gives the hook, in front of one of the server's own, which may be nil.
func (h *Hook) Before(own func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(c net.Conn, state http.ConnState) {
		h.changed(c, state)
		if own != nil {
			own(c, state)
		}
	}
}

// Expect is for ConnContext: c is of the hook's server, and StateNew is next. A
// connection whose key is nil cannot be found again.
func (h *Hook) Expect(c *Conn) {
	c.hook = h
	if c.key() == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.fresh) == maxFresh {
		h.fresh = slices.Delete(h.fresh, 0, 1)
	}
	h.fresh = append(h.fresh, weak.Make(c))
}

// take gives the connection with key, if it is expected, and no longer expects it.
func (h *Hook) take(key any) *Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, p := range slices.Backward(h.fresh) {
		if c := p.Value(); c != nil && c.key() == key {
			h.fresh = slices.Delete(h.fresh, i, i+1)
			return c
		}
	}
	return nil
}

func (h *Hook) changed(nc net.Conn, state http.ConnState) {
	key := peer.Key(nc)
	if key == nil || h.failed.Load() {
		return
	}
	over := state == http.StateClosed || state == http.StateHijacked
	var c *Conn
	if known, ok := h.conns.Load(key); ok {
		c = known.(*Conn)
	} else if c = h.take(key); c == nil || state != http.StateNew {
		return // where hooks run out of order, nothing is told of the connection
	} else {
		h.conns.Store(key, c)
		if h.failed.Load() { // meanwhile
			h.conns.Delete(key)
		}
	}
	c.stateChanged(state)
	if h.defers && state != http.StateNew {
		c.runIdle(!over)
	}
	if over {
		h.conns.Delete(key)
	}
}

// fail gives up: another hook, in the place of this one, passes StateNew on and
// not StateActive. It would not say when a connection is closed either.
func (h *Hook) fail() {
	h.failed.Store(true)
	h.conns.Clear()
}
