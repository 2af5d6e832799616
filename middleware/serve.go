package middleware

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"weak"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Serve is a server's whole life: it attaches srv, serves on ln, and drains when ctx
// ends, in this order and at these parts of Options.Grace, which begins with the
// drain:
//
//   - Ready says 503, and for Options.Lag srv goes on serving;
//   - http.Server.Shutdown closes ln and waits for the requests;
//   - at half of the time, requests that are still at work are told, the handlers of
//     hijacked connections with them: their contexts end with the cause
//     eof.ErrShuttingDown, which is no abort, and they can still answer;
//   - at three quarters, connections with a request are cut;
//   - Lifecycle.Shutdown waits for background work and the handlers of hijacked
//     connections. It gives them up at the end of the time, or at nine tenths of it if
//     there is an Options.Last;
//   - Options.Last has the rest.
//
// A step that is over begins the next at once, except for the lag. Serve returns when
// all is done, at the end of Grace at the latest, and its error says what it gave up:
// requests that were cut, and what Lifecycle.Shutdown and Last say. nil: everything
// ended by itself.
//
// ctx is only the sign to drain: it is not the context of requests, which have what
// srv.BaseContext gives, called once for each listener. Calling srv.Shutdown elsewhere
// begins the drain as well, without the lag. ln carries no TLS: Serve adds it if
// srv.TLSConfig has Certificates, GetCertificate or GetConfigForClient. Serve closes ln
// in any case. It changes srv's fields, as Attach does, so nothing else may use srv
// before.
//
// Several calls may serve at once, for one srv or for several. Each drains its own srv,
// and the last of them does what comes from Lifecycle.Shutdown on.
//
// If ctx has ended, a certificate is empty, srv was shut down before or cannot serve on
// ln, Serve returns an error at once and drains nothing. It is what the master process
// is to nginx at "quit".
func (l *Lifecycle) Serve(ctx context.Context, srv *http.Server, ln net.Listener) error {
	secure, err := l.servers.look(ctx, srv)
	if err != nil {
		_ = ln.Close() // the other error says why
		return fmt.Errorf("middleware: Serve: %w", err)
	}
	d := l.begin(srv, secure)
	work.Go(func() { d.served <- serveOn(srv, ln, secure) }, func() { close(d.served) })
	select {
	case <-ctx.Done():
		return d.drain()
	case err := <-d.served:
		d.over = true
		if l.servers.withdraw(d.server, d.begun) {
			return fmt.Errorf("middleware: Serve: %w", err)
		}
		return errors.Join(unlessClosed(err), d.drain())
	}
}

// ListenAndServe is [Lifecycle.Serve] on the TCP address srv.Addr; if that is empty,
// ":https" with TLS and ":http" without.
func (l *Lifecycle) ListenAndServe(ctx context.Context, srv *http.Server) error {
	secure, err := l.servers.look(ctx, srv)
	if err != nil {
		return fmt.Errorf("middleware: ListenAndServe: %w", err)
	}
	addr := srv.Addr
	switch {
	case addr != "":
	case secure:
		addr = ":https"
	default:
		addr = ":http"
	}
	var c net.ListenConfig
	ln, err := c.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("middleware: ListenAndServe: %w", err)
	}
	return l.Serve(ctx, srv, ln)
}

// Ready answers a load balancer's question whether to send requests: 200, or 503 from
// the moment on when a drain of [Lifecycle.Serve] has begun. Mount it outside of
// Handler, or see Options.Skip, if its requests need no line in the log.
func (l *Lifecycle) Ready(w http.ResponseWriter, _ *http.Request) {
	status, text := http.StatusOK, "ready\n"
	if l.servers.draining() {
		status, text = http.StatusServiceUnavailable, "draining\n"
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // who asks has left
}

// look says whether srv serves TLS, or why it is not even to begin. net/http writes to
// TLSConfig when it begins to serve: so that is read under the lock under which begin
// counts a server, and not while that one serves.
func (s *servers) look(ctx context.Context, srv *http.Server) (secure bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.attaching.Lock()
	defer s.attaching.Unlock()
	s.mu.Lock()
	one := s.known[weak.Make(srv)]
	serves := one != nil && one.serving > 0
	s.mu.Unlock()
	if serves {
		return one.secure, nil
	}
	return usable(srv.TLSConfig)
}

// usable reports whether c has certificates, as http.Server.ServeTLS asks for them. An
// empty one, which is what is left of an error that nobody looked at, is an error.
func usable(c *tls.Config) (secure bool, err error) {
	if c == nil {
		return false, nil
	}
	for i, cert := range c.Certificates {
		if len(cert.Certificate) == 0 || cert.PrivateKey == nil {
			return false, fmt.Errorf("the certificate %d of TLSConfig is empty: see the error of loading it", i)
		}
	}
	return len(c.Certificates) > 0 || c.GetCertificate != nil || c.GetConfigForClient != nil, nil
}

func serveOn(srv *http.Server, ln net.Listener, secure bool) error {
	defer ln.Close() // ServeTLS does not, if it fails early
	if secure {
		return srv.ServeTLS(ln, "", "")
	}
	return srv.Serve(ln)
}

func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// begin prepares srv, and counts a call of Serve for it.
func (l *Lifecycle) begin(srv *http.Server, secure bool) *drain {
	s := &l.servers
	s.attaching.Lock()
	defer s.attaching.Unlock()
	one := l.attachLocked(srv)
	if one.secure = secure; !one.served {
		one.served = true
		s.takeBase(srv, one)
	}
	s.add(l, one)
	s.mu.Lock()
	defer s.mu.Unlock()
	one.serving++
	s.serving++
	return &drain{l: l, srv: srv, server: one, begun: one.begun, served: make(chan error, 1)}
}

// takeBase makes srv's base contexts ones that tell can end.
func (s *servers) takeBase(srv *http.Server, one *server) {
	own := srv.BaseContext
	srv.BaseContext = func(ln net.Listener) context.Context {
		base := context.Background()
		if own != nil {
			base = own(ln)
		}
		if base == nil {
			return nil // net/http panics, and says why
		}
		ctx, cancel := context.WithCancelCause(base)
		s.mu.Lock()
		defer s.mu.Unlock()
		one.begun++
		one.cancels = append(one.cancels, cancel)
		return ctx
	}
}

// withdraw takes back a call of begin, if net/http has served nothing since.
func (s *servers) withdraw(one *server, begun int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.begun != begun {
		return false
	}
	s.serving--
	if one.serving--; one.serving == 0 && one.up {
		one.up = false
		s.up--
	}
	return true
}

// drainBegins says that a call of Serve drains; nothing is ready any more.
func (s *servers) drainBegins() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drains++
}

func (s *servers) drainEnds() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drains--
}

func (s *servers) draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down || s.drains > 0
}

// leave says that the requests of one call of Serve have ended. last: no other call
// serves, so this one is to go on with Lifecycle.Shutdown.
func (s *servers) leave(one *server) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.serving--
	s.serving--
	return s.serving == 0
}

// tell ends the base contexts of one, and of the servers that Serve has left, where
// handlers of hijacked connections may be at work.
func (s *servers) tell(one *server) {
	s.mu.Lock()
	var cancels []context.CancelCauseFunc
	for _, known := range s.known {
		if known == one || known.serving == 0 {
			cancels = append(cancels, known.cancels...)
			known.cancels = nil
		}
	}
	s.mu.Unlock()
	for _, cancel := range cancels {
		cancel(eof.ErrShuttingDown)
	}
}
