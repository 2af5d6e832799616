package aborttest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// start serves h on n, and makes the client.
func start(t testing.TB, o Options, h http.Handler, n *network, bubble bool) *Client {
	t.Helper()
	c := &Client{t: t, o: o, proto: o.protocols()[0], bubble: bubble, net: n, life: o.Lifecycle}
	c.changed = sync.NewCond(&c.mu)
	if c.o.Limit == 0 {
		if c.o.Limit = 20 * time.Second; bubble {
			c.o.Limit = time.Hour
		}
	}
	if c.life == nil {
		c.life = middleware.New(middleware.Options{Slog: slog.New(&lines{client: c})})
	}
	stop := c.life.Observe(middleware.Observer{OnEnd: c.ended, OnDone: c.done, OnTask: c.taskDone})
	trusted := c.configure(h)
	c.connect(trusted)

	serve := o.Serve
	switch {
	case serve != nil:
	case o.TLS:
		serve = func(srv *http.Server, ln net.Listener) error { return srv.ServeTLS(ln, "", "") }
	default:
		serve = (*http.Server).Serve
	}
	served := make(chan error, 1)
	go func() { served <- serve(c.srv, n) }() // stop waits for it
	t.Cleanup(func() {
		defer stop()
		c.stop(served)
	})
	return c
}

// configure makes the server of h, and returns the certificates that its client
// trusts, nil without TLS.
func (c *Client) configure(h http.Handler) (trusted *x509.CertPool) {
	c.t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(c.proto == HTTP1)
	if c.o.TLS {
		protocols.SetHTTP2(c.proto == HTTP2)
	} else {
		protocols.SetUnencryptedHTTP2(c.proto == HTTP2)
	}
	c.srv = &http.Server{Handler: h, Protocols: protocols, ErrorLog: log.New((*errorLog)(c), "", 0)}
	if c.o.TLS {
		cert, pool, err := certificate()
		if err != nil {
			c.t.Fatalf("aborttest: Options.TLS: %v", err)
		}
		trusted = pool
		c.srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	if c.o.Server != nil {
		c.o.Server(c.srv)
	}
	inside := c.srv.Handler
	if inside == nil {
		c.t.Fatal("aborttest: there is no handler, neither the one given nor that of Options.Server")
	}
	switch {
	case c.o.Lifecycle != nil:
	case c.o.Detach:
		inside = c.life.Detach(inside)
	default:
		inside = c.life.Handler(inside)
	}
	c.srv.Handler = c.tracked(inside)
	own := c.srv.ConnState
	c.srv.ConnState = func(nc net.Conn, s http.ConnState) {
		if own != nil {
			own(nc, s)
		}
		c.countConns(s)
	}
	c.life.Attach(c.srv)
	return trusted
}

// tracked is next with a Call for each request, in its context.
func (c *Client) tracked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := c.arrived(r)
		defer call.returned()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, call)))
	})
}

// countConns counts the connections that net/http serves. On loopback none of them
// count: net/http lingers for half a second before it closes one on which more may
// arrive.
func (c *Client) countConns(s http.ConnState) {
	if !c.bubble {
		return
	}
	switch s {
	case http.StateNew:
		c.count(+1)
	case http.StateClosed, http.StateHijacked:
		c.count(-1)
	}
}

// count counts what the end of the test waits for.
func (c *Client) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy += n
	c.changed.Broadcast()
}

// stop has all clients leave, and waits for what the server does about it.
func (c *Client) stop(served <-chan error) {
	c.hangUp()
	if err := c.srv.Close(); err != nil {
		c.t.Errorf("aborttest: http.Server.Close() = %v, want nil", err)
	}
	if err := <-served; err != nil && !errors.Is(err, http.ErrServerClosed) {
		c.t.Errorf("aborttest: the server returned %v, want nil or %v", err, http.ErrServerClosed)
	}
	c.hangUp() // those that have come meanwhile
	c.transport.CloseIdleConnections()
	if !c.await(func() bool { return c.busy == 0 }) {
		c.t.Errorf("aborttest: %v after the end of the test a handler has not returned:%s", c.o.Limit, c.unreturned())
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.o.Limit) // the test's has ended
	defer cancel()
	if err := c.life.Shutdown(ctx); err != nil {
		c.t.Errorf("aborttest: %v after the end of the test: %v", c.o.Limit, err)
	}
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = true
	c.srv = nil // what outlives the test, a logger in the Lifecycle for one, keeps no server
}

// hangUp ends what clients do.
func (c *Client) hangUp() {
	for _, call := range c.Calls() {
		call.cancel(context.Canceled)
	}
	c.net.hangUp()
}
