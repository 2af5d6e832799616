package request

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// On HTTP/2 net/http closes its own descriptor when it has met the end of the
// connection, and then nobody can ask the socket any more who came first: the
// client, or a Close of this process. But before that it calls the server's
// ConnState hook with StateIdle, on the same goroutine: the deferred calls of
// serverConn.serve (h2_bundle.go, Go 1.26 and 1.27) close the streams, and
// closeStream of the last one calls the hook, before they close the connection.
// What the socket says at that moment is the proof. If this process closed the
// connection first, it says so.

// stateChanged is net/http's word on c, from the server's ConnState hook.
func (c *Conn) stateChanged(state http.ConnState) {
	switch state {
	case http.StateHijacked, http.StateClosed: // no other request comes
	default:
		c.moveOn()
	}
	switch state {
	case http.StateHijacked: // whoever serves it now need not call the hook
		c.told.Store(false)
		c.forgetSocket()
	case http.StateClosed:
		c.forgetSocket()
	case http.StateIdle:
		if c.streams.Load() {
			c.lookAtTheEnd()
		}
	case http.StateActive: // on TLS the handshake is over by now
		if !c.told.Load() {
			c.streams.Store(c.maySpeakHTTP2())
			c.told.Store(true)
		}
		c.left.Store(uint32(peer.Unknown))
	}
}

// maySpeakHTTP2 is asked once, so that other connections are not looked at each
// time they are idle.
func (c *Conn) maySpeakHTTP2() bool {
	if t, secure := c.tls(); secure {
		return t.ConnectionState().NegotiatedProtocol == "h2"
	}
	srv, _ := c.Value(http.ServerContextKey).(*http.Server)
	return srv == nil || srv.Protocols != nil && srv.Protocols.UnencryptedHTTP2()
}

// lookAtTheEnd notes the end of the peer, if it came before a Close of this
// process.
func (c *Conn) lookAtTheEnd() {
	switch s := c.peer.State(); s {
	case peer.Closed, peer.Reset:
		if c.beganToClose() {
			c.leftFirst()
		} else {
			c.left.Store(uint32(s))
		}
	case peer.Local:
		c.leftFirst()
	default:
		// It is open. If net/http closes it now, its reader has met an end that the
		// socket does not show yet, or never will: a close_notify ahead of its FIN,
		// or a connection without a socket. Else StateActive is next.
		if _, secure := c.tls(); secure || s == peer.Unknown {
			c.left.Store(uint32(peer.Closed))
		}
	}
}

// Server is what is known of an http.Server beside its connections.
type Server struct {
	down      atomic.Bool  // Shutdown was called
	lostPings atomic.Int32 // connections that the server is about to close for that
}

// KnowServer has srv tell of its shutdown, and of HTTP/2 clients that do not
// answer a ping: it closes their connections itself, which looks as if this
// process had wanted that, and says so to HTTP2Config.CountError alone, without
// saying which it is. But the connection's end is told to its ConnState hook by
// the same goroutine. net/http reads both fields when a connection begins.
func KnowServer(srv *http.Server) *Server {
	s := new(Server)
	srv.RegisterOnShutdown(func() { s.down.Store(true) })
	if srv.HTTP2 != nil && srv.HTTP2.SendPingTimeout > 0 {
		conf := *srv.HTTP2 // it may be another server's, too
		own := conf.CountError
		conf.CountError = func(what string) {
			if what == nethttp.LostPing {
				s.lostPings.Add(1)
			}
			if own != nil {
				own(what)
			}
		}
		srv.HTTP2 = &conf
	}
	return s
}

func (s *Server) isDown() bool { return s != nil && s.down.Load() }

func (s *Server) takeLostPing() bool {
	if s == nil {
		return false
	}
	for n := s.lostPings.Load(); n > 0; n = s.lostPings.Load() {
		if s.lostPings.CompareAndSwap(n, n-1) {
			return true
		}
	}
	return false
}

// beganToClose reports whether this process has begun to close a connection that
// speaks TLS: the client's end may be the answer to its close_notify. If it has,
// the answer comes at once; else it may have to wait for a Write that is stuck,
// and taking a while is an answer, too. The goroutine then ends with that Write,
// which does not outlive the connection.
func (c *Conn) beganToClose() bool {
	t, secure := c.tls()
	if !secure {
		return false
	}
	answer := make(chan bool, 1)
	work.Go(func() { answer <- nethttp.ClosingTLS(t) }, func() {})
	patience := time.NewTimer(5 * time.Millisecond)
	defer patience.Stop()
	select {
	case closing := <-answer:
		return closing
	case <-patience.C:
		return false
	}
}

// hooked has the servers that HookConnState has dealt with. It keeps no server
// alive.
var hooked struct {
	mu      sync.Mutex
	servers map[weak.Pointer[http.Server]]*Hook
}

// HookConnState puts a ConnState hook in front of that of the server of c. It is
// for the ConnContext of servers, and does nothing unless that of this one is
// exactly connContext: then it runs for every connection of the server, before
// net/http reads ConnState and HTTP2 for that connection, and mu orders the one
// assignment before each of those reads.
func (c *Conn) HookConnState(connContext func(context.Context, net.Conn) context.Context) {
	srv, _ := c.Value(http.ServerContextKey).(*http.Server)
	if srv == nil || !same(srv.ConnContext, connContext) || ConnKey(c.peer.NetConn()) == nil {
		return
	}
	at := weak.Make(srv)
	hooked.mu.Lock()
	h := hooked.servers[at]
	if h == nil {
		h = &Hook{server: KnowServer(srv)}
		srv.ConnState = h.Before(srv.ConnState)
		if hooked.servers == nil {
			hooked.servers = make(map[weak.Pointer[http.Server]]*Hook)
		}
		hooked.servers[at] = h
		runtime.AddCleanup(srv, forget, at)
	}
	hooked.mu.Unlock()
	h.Expect(c)
}

// same reports whether f and g are the same declared function; nil is none.
func same(f, g func(context.Context, net.Conn) context.Context) bool {
	return f != nil && reflect.ValueOf(f).Pointer() == reflect.ValueOf(g).Pointer()
}

func forget(at weak.Pointer[http.Server]) {
	hooked.mu.Lock()
	defer hooked.mu.Unlock()
	delete(hooked.servers, at)
}
