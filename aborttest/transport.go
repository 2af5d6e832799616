package aborttest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"time"
)

// callHeader tells the server which Call a request is. Handlers do not see it.
const callHeader = "Aborttest-Call"

// callKey is the key by which a context of the server's knows the *Call that came, and
// sentKey that by which one of the client's knows the *Call that Do sends. A handler's
// context, which it may send requests of its own with, has the first alone.
type callKey struct{}
type sentKey struct{}

func callOf(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

// connect makes the transport.
func (c *Client) connect(trusted *x509.CertPool) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(c.proto == HTTP1)
	c.transport = &http.Transport{
		DialContext:           c.DialContext,
		Protocols:             protocols,
		DisableCompression:    true,
		ExpectContinueTimeout: time.Second,
	}
	if c.o.TLS {
		protocols.SetHTTP2(c.proto == HTTP2)
		c.transport.TLSClientConfig = &tls.Config{RootCAs: trusted, ServerName: host}
	} else {
		protocols.SetUnencryptedHTTP2(c.proto == HTTP2)
	}
}

// DialContext opens a connection to the server, whatever network and address are: for
// the dialer of a library. What it returns is a *Conn.
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.net.dial(ctx)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// roundTripper is a Client as an http.Client sees it.
type roundTripper Client

// RoundTrip sends r as a Call: that of Do, or else a new one.
func (rt *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	c := (*Client)(rt)
	ctx := r.Context()
	call, ok := ctx.Value(sentKey{}).(*Call)
	if !ok {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		call = c.newCall(r.Method+" "+r.URL.Path, cancel)
	}
	call.body, _ = r.Body.(*stalled)
	if call.body != nil { // nothing else ends its Read
		context.AfterFunc(ctx, func() { call.body.Close() })
	}
	sent := r.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(i httptrace.GotConnInfo) { call.gotConn(i.Conn) },
		WroteRequest: func(httptrace.WroteRequestInfo) { call.wrote() },
	}))
	sent.Header.Set(callHeader, strconv.Itoa(call.number))
	res, err := c.transport.RoundTrip(sent)
	call.answered(res, err)
	return res, err
}

// gotConn notes the connection that the request is about to be sent on. A client that
// has left sends no second request in place of the one whose connection it ended, as
// Go's does on a connection that was used before.
func (c *Call) gotConn(conn net.Conn) {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	if c.left && c.client.proto == HTTP1 {
		defer conn.Close() // nothing has been sent on it
		return
	}
	c.conn = conn
	c.wire, _ = conn.(*Conn)
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		c.wire, _ = t.NetConn().(*Conn)
	}
	if c.body != nil && c.wire != nil && c.client.proto == HTTP1 {
		// Go's client waits for the end of the body, also where nobody can get it any more.
		context.AfterFunc(c.wire.over, func() { c.body.Close() })
	}
	c.client.changed.Broadcast()
}

func (c *Call) wrote() {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	c.written = true
	c.client.changed.Broadcast()
}

// arrived gives the Call of a request that the server has got.
func (c *Client) arrived(r *http.Request) *Call {
	number, err := strconv.Atoi(r.Header.Get(callHeader))
	r.Header.Del(callHeader)
	c.mu.Lock()
	ours := err == nil && 0 <= number && number < len(c.calls)
	c.mu.Unlock()
	var call *Call
	if ours {
		call = c.Calls()[number]
	} else if wire := c.net.from(r.RemoteAddr); wire != nil {
		call = c.newCall(r.Method+" "+r.URL.Path, func(error) { wire.Close() })
		call.gotConn(wire)
		call.wrote()
	} else {
		call = c.newCall(r.Method+" "+r.URL.Path, func(error) {})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy++
	call.isArrived, call.remote = true, r.RemoteAddr
	call.noteLocked("the handler was called")
	return call
}

// returned says that the handlers of the server have returned.
func (c *Call) returned() {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	c.client.busy--
	c.isReturned = true
	c.noteLocked("the handler returned to the server")
}
