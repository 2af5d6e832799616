package middleware

import (
	"context"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// servers counts the attached servers that are not shutting down. A server whose
// Close is called without Shutdown says so to nobody, and stays in the count.
type servers struct {
	mu sync.Mutex // held while a drain begins or ends, so that the last of two counts
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

// Attach makes srv tell l of its connections: it installs ConnContext and
// ConnState hooks in front of srv's own, which stay in place, and counts srv. When
// http.Server.Shutdown has been called on the last server that is attached, the
// Background drains, as Shutdown has it; a server that is attached after that ends
// the drain. Call it before srv serves, once for each server.
//
// A ConnState hook that is set later should call the one that Attach has installed,
// for every state. Where it calls it for none, deferred functions run as soon as the
// outermost lastbyte handler has returned, and on HTTP/2 Server.Close may be taken
// for the client.
func (l *Lifecycle) Attach(srv *http.Server) {
	ownContext := srv.ConnContext
	hook := request.NewHook(request.KnowServer(srv))
	var first sync.Once // the connections of a listener are of one kind
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		ctx, conn := request.WithConn(ctx, c)
		first.Do(func() {
			if !conn.HasSocket() {
				sayNoSocket(srv, c)
			}
		})
		hook.Expect(conn)
		if ownContext != nil {
			ctx = ownContext(ctx, c)
		}
		return ctx
	}
	l.servers.add(l)
	srv.RegisterOnShutdown(sync.OnceFunc(func() { l.servers.remove(l) })) // Shutdown may be called twice
	srv.ConnState = hook.Before(srv.ConnState)
}

// sayNoSocket says in the server's log what is missing without a socket.
func sayNoSocket(srv *http.Server, c net.Conn) {
	printf := log.Printf
	if srv.ErrorLog != nil {
		printf = srv.ErrorLog.Printf
	}
	printf("lastbyte: no socket found behind the listener's %T: with an unread request body, pipelined bytes "+
		"or a hijacked connection a client that leaves is not noticed; give that type a NetConn method", c)
}
