// Package conn is what lastbyte knows of a server's connection, from its accept
// to its close: the socket and what it says of the client, the server's ConnState
// hook, and which request the connection serves now.
//
// A connection of HTTP/1 outlives its requests, and a handler may outlive its
// request (behind an http.TimeoutHandler, for instance). To close a connection, or
// to set a deadline on it, that by then serves somebody else's request is one of
// the gravest mistakes there can be here. So a request reaches the net.Conn
// through its [Lease] alone. The questions that only look at the socket are
// methods of [Conn]: they harm nobody.
//
// Conn.mu is held while a request acts by its lease, so that the hook waits. The
// package imports internal/nethttp and internal/peer.
package conn

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// Conn is a server's connection, and the context that carries it: many connections
// are idle, and one allocation is all that they cost. It asks nothing of the
// socket before a request does. All methods may be called from any goroutine.
type Conn struct {
	context.Context // the base context. That it has ended is the server's doing, not the client's

	peer     peer.Conn
	watched  atomic.Bool // by KeepWatched
	isUnsure bool        // the hook may not be told of its end. Set at StateNew, before the connection serves; here it fills a hole

	hook   *Hook         // of its server, nil if there is none. Set by Hook.Expect, before the connection serves
	hooked atomic.Bool   // the server's ConnState hook tells of it, see stateChanged
	isH2   atomic.Bool   // it may speak HTTP/2. Set before hooked
	left   atomic.Uint32 // a peer.State: how the client left, if it did so before this process closed

	readerEnded atomic.Bool // see ReaderEnded

	// mu is held while a request acts on the connection, see Lease.Act.
	mu       sync.Mutex
	turn     atomic.Uint32 // see nextTurn; written under mu
	runsIdle bool          // runIdle will be called
	idle     []func()      // run when the last byte of the response is out

	end closing // what LeftFirst has to go by
}

// Key is the key by which a context knows its connection.
type Key struct{}

// With returns ctx with nc, for http.Server.ConnContext. If nc is in ctx already,
// that Conn stays the one of nc.
func With(ctx context.Context, nc net.Conn) (context.Context, *Conn) {
	if known := Of(ctx); known != nil {
		if key := peer.Key(nc); key != nil && key == known.key() {
			return ctx, known
		}
	}
	c := &Conn{Context: ctx}
	c.peer.Init(nc)
	return c, c
}

// Of gives the connection in ctx, nil if there is none.
func Of(ctx context.Context) *Conn {
	c, _ := ctx.Value(Key{}).(*Conn)
	return c
}

// Value is the context's.
func (c *Conn) Value(key any) any {
	if key == (Key{}) {
		return c
	}
	return c.Context.Value(key)
}

// key is what the hooks of a server know the connection by: a key of a map, which
// not every net.Conn is. nil: there is none.
func (c *Conn) key() any { return peer.Key(c.peer.NetConn()) }

// HasSocket reports whether the connection's socket was found, where one can be
// watched.
func (c *Conn) HasSocket() bool { return c.peer.HasSocket() }

// Peer asks the socket what has become of the client.
func (c *Conn) Peer() peer.State { return c.peer.State() }

// Unwatch ends what Lease.Watch has begun. The connection may serve another
// request by then: the watch of that one stays.
func (c *Conn) Unwatch(w peer.Watcher) { c.peer.Unwatch(w) }

// KeepWatched has the socket watched until the end of the connection, for no request in
// particular: when net/http has read the client's FIN and closed the connection, Peer
// still says what the socket said.
func (c *Conn) KeepWatched() {
	if !c.watched.Swap(true) {
		c.peer.Watch(c)
	}
}

// PeerGone is for peer.Conn, which remembers what it tells a watcher.
func (c *Conn) PeerGone(peer.State) {}

// server is what is known of the connection's server, nil if nothing is.
func (c *Conn) server() *Server {
	if c.hook == nil {
		return nil
	}
	return c.hook.server
}

// netServer is the server of the connection, nil where it is not net/http's.
func (c *Conn) netServer() *http.Server {
	srv, _ := c.Value(http.ServerContextKey).(*http.Server)
	return srv
}

// ShuttingDown reports whether Shutdown of the server was called, as far as that
// is known.
func (c *Conn) ShuttingDown() bool {
	s := c.server()
	return s != nil && s.down.Load()
}

// ReaderEnded reports whether net/http's own context of the connection has ended
// too early, for all requests to come: the reader by which it waits for the
// client's end between two requests met a read deadline (golang/go#70834).
func (c *Conn) ReaderEnded() bool { return c.readerEnded.Load() }

// MarkReaderEnded notes ReaderEnded.
func (c *Conn) MarkReaderEnded() { c.readerEnded.Store(true) }

// tls gives the layer of the connection that speaks TLS. What a connection can do
// tells, not its type, and it may be wrapped.
func (c *Conn) tls() (t nethttp.TLSState, secure bool) {
	return peer.As[nethttp.TLSState](c.peer.NetConn())
}

// IsTLS reports whether the connection speaks TLS.
func (c *Conn) IsTLS() bool {
	_, secure := c.tls()
	return secure
}

// IsSocket reports whether the connection is a socket with nothing above it, such as TLS,
// that may end while the socket does not.
func (c *Conn) IsSocket() bool {
	switch c.peer.NetConn().(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// Closing reports whether this process has begun to close a connection that
// speaks TLS. It must not be asked while a Write may be stuck: it would wait for
// that one.
func (c *Conn) Closing() bool {
	t, secure := c.tls()
	return secure && nethttp.ClosingTLS(t)
}

// Unread reports whether something has arrived that nobody has read. Over TLS a
// client that closes sends close_notify first, a record of a few bytes, which is
// no less unread; so over TLS what is not larger than that does not count.
func (c *Conn) Unread() bool {
	n := c.peer.Unread()
	if n == 0 {
		return false
	}
	if t, secure := c.tls(); secure {
		return n > nethttp.AlertSize(t)
	}
	return true
}

// Hooked reports whether the server's ConnState hook tells of the connection: then
// LeftFirst knows how the client left.
func (c *Conn) Hooked() bool { return c.hooked.Load() }
