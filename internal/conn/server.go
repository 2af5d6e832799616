package conn

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// Server is what is known of an http.Server beside its connections.
type Server struct {
	down      atomic.Bool  // Shutdown was called
	lostPings atomic.Int32 // connections that the server is about to close for that
}

// KnowServer has srv tell of its Shutdown, and of HTTP/2 clients that do not answer a
// ping. net/http closes the connection of such a client itself, which looks as if this
// process had wanted that. It tells HTTP2Config.CountError alone, and not which
// connection it is; but right after that the same goroutine tells the ConnState hook of
// the connection's end. net/http reads HTTP2 when a connection begins.
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

// takeLostPing reports whether a connection is about to be closed for a lost ping, and
// takes that for the caller's.
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

// hooked has the hooks that HookConnState has installed, by their servers. It keeps no
// server alive.
var hooked struct {
	mu      sync.Mutex
	servers map[weak.Pointer[http.Server]]*Hook
}

// HookConnState installs a Hook in front of the ConnState hook of c's server, once for
// each server. It is called in the server's ConnContext, connContext, and does nothing
// if ConnContext is another function, which may call connContext for some connections
// only.
//
// The assignment is safe because of that: ConnContext runs for every connection, before
// net/http reads ConnState and HTTP2 for the connection, and takes hooked.mu. So the
// mutex orders the one assignment before each of these reads.
func (c *Conn) HookConnState(connContext func(context.Context, net.Conn) context.Context) {
	srv := c.netServer()
	if srv == nil || !same(srv.ConnContext, connContext) || c.key() == nil {
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

// same reports whether f and g are the same declared function, which nil is not.
func same(f, g func(context.Context, net.Conn) context.Context) bool {
	return f != nil && reflect.ValueOf(f).Pointer() == reflect.ValueOf(g).Pointer()
}

func forget(at weak.Pointer[http.Server]) {
	hooked.mu.Lock()
	defer hooked.mu.Unlock()
	delete(hooked.servers, at)
}
