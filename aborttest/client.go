package aborttest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// Client is a client of a server that was started for a test. Its methods and those
// of a [Call] are for the goroutine of the test, since they fail it; HTTP's client,
// DialContext and a [Conn] are for any.
type Client struct {
	t         testing.TB
	o         Options
	proto     Protocol
	bubble    bool
	net       *network
	life      *middleware.Lifecycle
	srv       *http.Server
	transport *http.Transport
	running   sync.WaitGroup // the goroutines of Do

	mu      sync.Mutex
	changed *sync.Cond // of mu; broadcast when something below changes, or something in a Call
	calls   []*Call    // by the number of the header
	busy    int        // connections that net/http serves, and handlers at work
	events  int        // what OnEnd, OnDone and OnTask have told
	log     []string
	quiet   bool // the test has ended: no more output
}

// Protocol returns what the client speaks.
func (c *Client) Protocol() Protocol { return c.proto }

// URL returns the address of the server, without a slash at its end. In a bubble each
// host leads to the server.
func (c *Client) URL() string {
	scheme, at := "http://", host
	if c.o.TLS {
		scheme = "https://"
	}
	if !c.bubble {
		at = c.net.Addr().String()
	}
	return scheme + at
}

// Lifecycle returns that of Options, or the one that was made.
func (c *Client) Lifecycle() *middleware.Lifecycle { return c.life }

// Server returns the server, for its Shutdown and Close.
func (c *Client) Server() *http.Server { return c.srv }

// NewRequest makes a request for path, which begins with a slash. Its context ends
// with the test.
func (c *Client) NewRequest(method, path string, body io.Reader) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.URL()+path, body)
	if err != nil {
		c.t.Fatalf("aborttest: NewRequest(%q, %q) = %v, want a request", method, path, err)
	}
	return r
}

// Get begins a GET request for path. It does not wait for the response.
func (c *Client) Get(path string) *Call {
	c.t.Helper()
	return c.Do(c.NewRequest(http.MethodGet, path, nil))
}

// Post begins a POST request with body, which may be that of [Stall]. It does not
// wait for the response.
func (c *Client) Post(path, contentType string, body io.Reader) *Call {
	c.t.Helper()
	r := c.NewRequest(http.MethodPost, path, body)
	r.Header.Set("Content-Type", contentType)
	return c.Do(r)
}

// Do begins r, whose URL's host does not matter. It does not wait for the response,
// which is read as it comes. Requests on HTTP/1.1 use a connection again that is free,
// and those on HTTP/2 share one, as Go's client does.
func (c *Client) Do(r *http.Request) *Call {
	call := c.newCall(r.Method+" "+r.URL.Path, func(error) {})
	ctx, cancel := context.WithCancelCause(context.WithValue(r.Context(), sentKey{}, call))
	call.cancelBy(cancel)
	c.running.Go(func() { call.run(r.WithContext(ctx)) })
	return call
}

// HTTP returns an ordinary client, for libraries and for code of yours: each of its
// requests is one of Calls. It follows no redirects, asks for no compression, and may
// be given a Timeout.
func (c *Client) HTTP() *http.Client {
	return &http.Client{
		Transport:     (*roundTripper)(c),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Dial opens a connection without TLS to speak on by hand.
func (c *Client) Dial() *Conn {
	c.t.Helper()
	conn, err := c.net.dial(c.t.Context())
	if err != nil {
		c.t.Fatalf("aborttest: Dial() = %v, want a connection", err)
	}
	return conn
}

// Calls returns all requests so far: those of Do and of HTTP in the order of their
// beginning, and those that were sent in another way, by Dial for instance, in the
// order of their arrival.
func (c *Client) Calls() []*Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Call(nil), c.calls...)
}

// Log returns what the Lifecycle of the kit and the server's ErrorLog have logged, in
// lines. [Call.Log] has the lines of one request.
func (c *Client) Log() string {
	c.settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.log, "")
}

// settle waits until all goroutines of the bubble wait. It does nothing on loopback.
func (c *Client) settle() {
	if c.bubble {
		synctest.Wait()
	}
}

// await waits until ok, which is called with the mutex held. It reports whether that
// came within the limit.
func (c *Client) await(ok func() bool) bool {
	late := false
	timer := time.AfterFunc(c.o.Limit, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		late = true
		c.changed.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !ok() {
		if late {
			return false
		}
		c.changed.Wait()
	}
	return true
}

// unreturned names the handlers that have not returned.
func (c *Client) unreturned() (names string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		if call.isArrived && !call.isReturned {
			names += " " + call.name
		}
	}
	return names
}
