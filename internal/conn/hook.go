package conn

import (
	"net"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// Hook is a server's ConnState hook, and what it knows of the connections.
//
// A program may replace the hook by one of its own after it was installed, and then
// this one is never called. So a connection counts as known once the hook was called
// for it, with StateNew, and not from ConnContext on. net/http calls ConnContext and
// then the hook, on the goroutine that accepts.
type Hook struct {
	server *Server
	defers bool        // deferred functions may wait for StateIdle
	failed atomic.Bool // the hook is not called for every state, see fail
	ended  atomic.Bool // the hook was told of the end of a connection
	conns  sync.Map    // peer.Key to *Conn, or weak.Pointer[Conn] if it isUnsure: the open connections, from StateNew on

	srv       *http.Server // see Install; nil: nobody can have put another hook in front
	installed func(net.Conn, http.ConnState)

	mu    sync.Mutex
	fresh []weak.Pointer[Conn] // between ConnContext and StateNew; if the hook was replaced, for good
}

// maxFresh bounds fresh. Each goroutine that accepts has at most one connection in it.
const maxFresh = 64

// NewHook makes the hook of a server for which deferred functions wait until the
// response is written.
func NewHook(s *Server) *Hook { return &Hook{server: s, defers: true} }

// Install puts h in front of the ConnState hook of srv, which does not serve yet.
func (h *Hook) Install(srv *http.Server) {
	h.srv, h.installed = srv, h.Before(srv.ConnState)
	srv.ConnState = h.installed
}

// mayMissEnds reports whether a hook that was set later, in front of this one, may pass
// some states on and not the end of connections, as far as it has shown. It is asked in
// the hook, where net/http has read ConnState, too.
func (h *Hook) mayMissEnds() bool {
	return h.srv != nil && !h.ended.Load() &&
		reflect.ValueOf(h.srv.ConnState).Pointer() != reflect.ValueOf(h.installed).Pointer()
}

// Before gives a ConnState hook that calls this one, and then the server's own, which
// may be nil.
func (h *Hook) Before(own func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(c net.Conn, state http.ConnState) {
		h.changed(c, state)
		if own != nil {
			own(c, state)
		}
	}
}

// Expect is called in ConnContext: c belongs to the hook's server, and StateNew is
// next. A connection whose key is nil cannot be found again.
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

// changed is what net/http calls.
func (h *Hook) changed(nc net.Conn, state http.ConnState) {
	key := peer.Key(nc)
	if key == nil || h.failed.Load() {
		return
	}
	c := h.conn(key, state)
	if c == nil {
		return
	}
	over := state == http.StateClosed || state == http.StateHijacked
	if over {
		h.ended.Store(true)
	}
	c.stateChanged(state)
	if h.defers && state != http.StateNew {
		c.runIdle(!over)
	}
	if over {
		h.conns.Delete(key)
	}
}

// conn gives the connection with key, nil if it is not known: it is of another
// server, or the first state that the hook is told is not StateNew, since hooks run out
// of order.
func (h *Hook) conn(key any, state http.ConnState) *Conn {
	if known, ok := h.conns.Load(key); ok {
		if w, ok := known.(weak.Pointer[Conn]); ok {
			return w.Value()
		}
		return known.(*Conn)
	}
	c := h.take(key)
	if c == nil || state != http.StateNew {
		return nil
	}
	if c.isUnsure = h.mayMissEnds(); c.isUnsure {
		// net/http's own context of the connection keeps c, and nothing of the hook does.
		h.conns.Store(key, weak.Make(c))
		runtime.AddCleanup(c, func(key any) { h.conns.Delete(key) }, key)
	} else {
		h.conns.Store(key, c)
	}
	if h.failed.Load() { // fail may have cleared conns before the Store
		h.conns.Delete(key)
	}
	return c
}

// fail gives up. Another hook, which has replaced this one, passes StateNew on and not
// StateActive; it would not tell when a connection is closed either.
func (h *Hook) fail() {
	h.failed.Store(true)
	h.conns.Clear()
}
