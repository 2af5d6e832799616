package middleware

import (
	"context"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/request"
)

// servers counts the attached servers that are not shutting down. net/http does not
// report a Close without Shutdown, so such a server stays in the count.
type servers struct {
	mu sync.Mutex // held while a drain begins or ends, so that the later of two events decides
	n  int
}

func (s *servers) add(l *Lifecycle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	request.Resume(l.background.Handler(nil))
}

func (s *servers) remove(l *Lifecycle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n--; s.n == 0 {
		l.background.Drain()
	}
}

// Attach connects l with the connections of srv: it installs ConnContext and
// ConnState hooks, which call the hooks that srv already has. Call it before
// srv serves, once for each server.
//
// When http.Server.Shutdown is called on the last of the attached servers, the
// Background drains, see eof.Background.Drain. Attaching a server after that
// ends the drain. A server that is closed with Close, without Shutdown, still
// counts as one that serves.
//
// A ConnState hook that is set later should call the one that Attach has
// installed, for every state. If it does not, deferred functions run as soon as
// the outermost lastbyte handler has returned, or, if the hook passes on some
// states, when the connection has ended at the latest, which lastbyte can only
// know of a connection with a socket. And on HTTP/2 a Close of the server may be
// mistaken for the client.
func (l *Lifecycle) Attach(srv *http.Server) {
	ownContext := srv.ConnContext
	hook := conn.NewHook(conn.KnowServer(srv))
	var first sync.Once // all connections of a listener have the same type
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		ctx, known := conn.With(ctx, c)
		first.Do(func() {
			if !known.HasSocket() {
				sayNoSocket(srv, c)
			}
		})
		hook.Expect(known)
		if ownContext != nil {
			ctx = ownContext(ctx, c)
		}
		return ctx
	}
	l.servers.add(l)
	srv.RegisterOnShutdown(sync.OnceFunc(func() { l.servers.remove(l) })) // Shutdown may be called twice
	hook.Install(srv)
}

// sayNoSocket logs, in the server's ErrorLog, what does not work without a socket.
func sayNoSocket(srv *http.Server, c net.Conn) {
	printf := log.Printf
	if srv.ErrorLog != nil {
		printf = srv.ErrorLog.Printf
	}
	printf("lastbyte: no socket found behind the listener's %T: with an unread request body, pipelined bytes "+
		"or a hijacked connection a client that leaves is not noticed; give that type a NetConn method", c)
}
