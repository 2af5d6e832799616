package request

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// Conn is a server's connection, from its accept to its close, and the context
// that carries it: many connections are idle, and one allocation is all that they
// cost. It asks nothing of the socket before a request does.
type Conn struct {
	context.Context // the base context; ended: the server's own doing, not the client's

	peer  peer.Conn
	noted atomic.Bool

	hook    *Hook         // of its server; nil: none. Set by Hook.Expect
	told    atomic.Bool   // the server's ConnState hook tells of it, see stateChanged
	streams atomic.Bool   // it may speak HTTP/2; set before told
	left    atomic.Uint32 // a peer.State: how the client left, if it did before this process closed

	deaf atomic.Bool // net/http's own context has ended too early, for all requests to come

	// mu is held while a request acts on the connection, see ownConn.
	mu     sync.Mutex
	turn   atomic.Uint32 // counts the words of the ConnState hook, see moveOn; written under mu
	defers bool          // idleNow will be called
	idle   []func()      // to run when the response's last byte is out

	end closing // what leftFirst has to go by
}

type connKey struct{}

// WithConn returns ctx with c, for http.Server.ConnContext. With a Conn in ctx
// already, that one stays.
func WithConn(ctx context.Context, c net.Conn) (context.Context, *Conn) {
	if known, ok := ctx.Value(connKey{}).(*Conn); ok {
		if key := ConnKey(c); key != nil && key == ConnKey(known.peer.NetConn()) {
			return ctx, known
		}
	}
	k := &Conn{Context: ctx}
	k.peer.Init(c)
	return k, k
}

// HasSocket reports whether the connection's socket was found, where one can be
// watched.
func (c *Conn) HasSocket() bool { return c.peer.HasSocket() }

// ConnKey is what the hooks of a server know a connection by: a key of a map,
// which not every net.Conn is. nil: there is none.
func ConnKey(c net.Conn) any { return peer.Key(c) }

// Value is the context's.
func (c *Conn) Value(key any) any {
	if key == (connKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// tls gives the layer of the connection that speaks TLS: what a connection can
// do tells, not its type, and it may be wrapped.
func (c *Conn) tls() (t nethttp.TLSState, secure bool) {
	return peer.As[nethttp.TLSState](c.peer.NetConn())
}

// note has the socket watched for its own sake: when net/http, having read the
// client's FIN, closes it, what it was is still known.
func (c *Conn) note() {
	if !c.noted.Swap(true) {
		c.peer.Watch(c)
		c.keepSocket()
	}
}

// PeerGone lets peer.Conn remember.
func (c *Conn) PeerGone(peer.State) {}

// moveOn ends the leases of all requests: their response is out, or no other byte
// of one goes out. The first call, for StateNew, says that such calls come; a hook
// that passes no other state on leaves it at that.
func (c *Conn) moveOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn.Add(1) == 0 { // 0 and 1 are no leases
		c.turn.Store(2)
	}
}

// lease is for an HTTP/1 request that begins, for which StateActive was told; 0:
// nobody tells when it is over.
func (c *Conn) lease() uint32 {
	n := c.turn.Load()
	if n == 1 {
		c.hook.fail()
		return 0
	}
	return n
}

// server is what is known of the connection's server, nil if nothing.
func (c *Conn) server() *Server {
	if c.hook == nil {
		return nil
	}
	return c.hook.server
}

// idleNow runs what waits for the last byte of the response, which is out; more:
// there may be other responses. It is also called when the next request begins,
// in case that nobody told of the end of the last.
func (c *Conn) idleNow(more bool) {
	c.mu.Lock()
	fns := c.idle
	c.idle = nil
	c.defers = more
	c.mu.Unlock()
	for _, f := range fns {
		f()
	}
}

// onIdle keeps f for idleNow. False: nobody would call that for the request that
// has the lease, or the response is out.
func (c *Conn) onIdle(lease uint32, f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.defers || lease == 0 || lease != c.turn.Load() {
		return false
	}
	c.idle = append(c.idle, f)
	return true
}

// conn is the request's connection, nil if abort.ConnContext is not installed.
func (r *Request) conn() *Conn {
	c, _ := r.node.parent.Value(connKey{}).(*Conn)
	return c
}
