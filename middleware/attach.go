package middleware

import (
	"context"
	"log"
	"net"
	"net/http"
	"runtime"
	"sync"
	"weak"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/request"
)

// servers are those of a Lifecycle. A server whose Close is called without Shutdown
// says so to nobody, and counts as one that serves.
type servers struct {
	attaching sync.Mutex // held while the fields of an http.Server are set; before mu

	mu sync.Mutex // held while a drain begins or ends, so that the last of two counts; guards what follows, and every server

	known   map[weak.Pointer[http.Server]]*server
	up      int  // servers that are attached and not shutting down
	down    bool // the last one has begun to shut down
	serving int  // calls of Serve that have not come to Lifecycle.Shutdown
	drains  int  // calls of Serve that drain
}

// server is an http.Server that is attached; servers.mu guards it.
type server struct {
	up      bool                      // it counts as one that is not shutting down
	served  bool                      // Serve has its BaseContext; attaching guards this and secure
	secure  bool                      // it serves TLS
	serving int                       // calls of Serve for it
	begun   int                       // listeners that net/http has asked its BaseContext for
	cancels []context.CancelCauseFunc // of those base contexts
}

// know gives what is known of srv, and whether it is new.
func (s *servers) know(srv *http.Server) (one *server, first bool) {
	key := weak.Make(srv)
	s.mu.Lock()
	defer s.mu.Unlock()
	if one = s.known[key]; one != nil {
		return one, false
	}
	if s.known == nil {
		s.known = make(map[weak.Pointer[http.Server]]*server)
	}
	one = new(server)
	s.known[key] = one
	runtime.AddCleanup(srv, forget, gone{weak.Make(s), key})
	return one, true
}

// gone is a server of servers that is no longer reachable. It keeps neither: a cleanup
// holds what it is given for as long as the server is there, and the Lifecycle may lead
// to the server.
type gone struct {
	of  weak.Pointer[servers]
	key weak.Pointer[http.Server]
}

func forget(g gone) {
	s := g.of.Value()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, g.key)
}

// add counts one among those that serve, which ends a drain.
func (s *servers) add(l *Lifecycle, one *server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !one.up {
		one.up = true
		s.up++
	}
	s.down = false
	request.Resume(l.background.Handler(nil))
}

// remove says that one is shutting down; the last begins the drain.
func (s *servers) remove(l *Lifecycle, one *server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !one.up {
		return
	}
	one.up = false
	if s.up--; s.up == 0 {
		s.down = true
		l.background.Drain()
	}
}

// Attach connects l with the connections of srv: it installs ConnContext and
// ConnState hooks, which call the hooks that srv already has. Call it before
// srv serves. A second call for srv changes nothing, and [Lifecycle.Serve] makes
// the call itself. If l serves a request of a server that was never attached, the log
// says so once, and what does not work without.
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
	l.servers.attaching.Lock()
	defer l.servers.attaching.Unlock()
	l.attachLocked(srv)
}

// attachLocked is Attach for callers that hold servers.attaching.
func (l *Lifecycle) attachLocked(srv *http.Server) *server {
	one, first := l.servers.know(srv)
	if !first {
		return one
	}
	ownContext := srv.ConnContext
	hook := conn.NewHook(conn.KnowServer(srv))
	var once sync.Once // all connections of a listener have the same type
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		ctx, known := conn.With(ctx, c)
		once.Do(func() {
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
	l.servers.add(l, one)
	srv.RegisterOnShutdown(func() { l.servers.remove(l, one) }) // Shutdown may be called twice
	hook.Install(srv)
	return one
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
