package aborttest

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// Protocol is what client and server speak.
type Protocol string

const (
	HTTP1 Protocol = "http1" // HTTP/1.1
	HTTP2 Protocol = "http2" // HTTP/2, without TLS by prior knowledge
)

// Options are the settings of [RunWith], [Start] and [ServerWith].
type Options struct {
	// Protocols are those that RunWith runs the test on, in this order; Start and
	// ServerWith use the first. None means HTTP1 and HTTP2.
	Protocols []Protocol

	// TLS has client and server speak TLS. The server's certificate is for
	// example.com, and the client trusts it, unless Server sets another TLSConfig.
	TLS bool

	// Lifecycle is the one whose Handler or Detach stands in the handler already. It
	// is attached to the server, and shut down at the end: within a bubble, whose end
	// waits for all work. nil means that a new one is made, and that its Handler is
	// put around the handler.
	Lifecycle *middleware.Lifecycle

	// Detach has the Lifecycle that is made put its Detach around the handler, in
	// place of its Handler.
	Detach bool

	// Server changes the server before it serves: its timeouts, its hooks, its
	// Handler. nil means that it stays as it is.
	Server func(*http.Server)

	// Serve serves, on a goroutine of its own, and returns nil or
	// http.ErrServerClosed when the server is closed: Lifecycle.Serve for instance.
	// nil means http.Server.Serve, or ServeTLS.
	Serve func(*http.Server, net.Listener) error

	// Limit is how long a method that waits does so before it fails the test. 0 means
	// an hour of a bubble's time, which costs nothing, and 20 seconds on loopback.
	Limit time.Duration
}

// Run runs body as a subtest for HTTP/1.1, and as another for HTTP/2. Each is in a
// [testing/synctest] bubble of its own, with a server of h and a client of it on an
// in-memory network: time is the bubble's, so that a minute of sleep costs nothing.
// h is inside the Handler of a Lifecycle of the kit, and has to work for both runs;
// what belongs to one run alone is made in body, by Start.
func Run(t *testing.T, h http.Handler, body func(t *testing.T, c *Client)) {
	t.Helper()
	RunWith(t, Options{}, h, body)
}

// RunWith is [Run] with the settings o.
func RunWith(t *testing.T, o Options, h http.Handler, body func(t *testing.T, c *Client)) {
	t.Helper()
	for _, p := range o.protocols() {
		t.Run(string(p), func(t *testing.T) {
			t.Helper()
			synctest.Test(t, func(t *testing.T) {
				t.Helper()
				one := o
				one.Protocols = []Protocol{p}
				body(t, Start(t, one, h))
			})
		})
	}
}

// Start is what Run does in a bubble: it serves h on an in-memory network until the
// test ends, and returns a client. t is the bubble's. A handler that never returns
// makes the bubble fail at its end.
func Start(t testing.TB, o Options, h http.Handler) *Client {
	t.Helper()
	return start(t, o, h, memory(), true)
}

// Server is [Start] outside of bubbles: over sockets of the loopback interface, on
// HTTP/1.1, for what needs the kernel. Time is real, so that a test waits for the
// server by its handler's channels and by the methods of [Call].
func Server(t testing.TB, h http.Handler) *Client {
	t.Helper()
	return ServerWith(t, Options{Protocols: []Protocol{HTTP1}}, h)
}

// ServerWith is [Server] with the settings o.
func ServerWith(t testing.TB, o Options, h http.Handler) *Client {
	t.Helper()
	n, err := loopback()
	if err != nil {
		t.Fatalf("aborttest: Server: %v", err)
	}
	return start(t, o, h, n, false)
}

func (o Options) protocols() []Protocol {
	for _, p := range o.Protocols {
		if p != HTTP1 && p != HTTP2 {
			panic(fmt.Sprintf("aborttest: Options.Protocols: HTTP1 or HTTP2, got %q", p))
		}
	}
	if o.Limit < 0 {
		panic(fmt.Sprintf("aborttest: Options.Limit: not negative, got %v", o.Limit))
	}
	if len(o.Protocols) == 0 {
		return []Protocol{HTTP1, HTTP2}
	}
	return slices.Clone(o.Protocols)
}
