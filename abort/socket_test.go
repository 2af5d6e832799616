package abort_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
)

// sockets is a server on the loopback interface and a client for it.
type sockets struct {
	*httptest.Server
	client *http.Client
	conns  chan *net.TCPConn // the client's, as they are dialed
}

// wire is what a server speaks on its sockets.
type wire string

const (
	tcp wire = "TCP" // HTTP/1
	h2c wire = "h2c"
	tls wire = "TLS h2"
)

// kernel starts h on real sockets.
func kernel(t *testing.T, h http.Handler, wr wire, configure ...func(*http.Server)) *sockets {
	t.Helper()
	s := &sockets{Server: httptest.NewUnstartedServer(h), conns: make(chan *net.TCPConn, 2048)}
	for _, c := range configure {
		c(s.Config)
	}
	testkit.CloseAtEnd(t, s.Server)
	protocols := new(http.Protocols)
	switch wr {
	case tcp:
		protocols.SetHTTP1(true)
	case h2c:
		protocols.SetUnencryptedHTTP2(true)
	}
	if wr == tls {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Config.Protocols = protocols
		s.Start()
	}
	tr := s.Client().Transport.(*http.Transport)
	if wr != tls {
		tr.Protocols = protocols
	}
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			s.conns <- c.(*net.TCPConn)
		}
		return c, err
	}
	s.client = s.Client()
	return s
}

// await is testkit.Await.
func await[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	return testkit.Await(t, ch, what)
}

func withConnContext(srv *http.Server) { srv.ConnContext = abort.ConnContext }

// leaving is how a client leaves on a socket, and the reasons it may give.
type leaving struct {
	id      string
	wire    wire
	how     string
	leave   func(c *net.TCPConn, cancel func())
	reasons []abort.Reason
}

func fin(c *net.TCPConn, _ func())     { c.CloseWrite() }
func stream(_ *net.TCPConn, c func())  { c() }
func closing(c *net.TCPConn, _ func()) { c.Close() }
func rst(c *net.TCPConn, _ func())     { c.SetLinger(0); c.Close() }

var (
	closedOnly = []abort.Reason{abort.Closed}
	// A close with bytes unread is a reset, and an HTTP/2 server that reads of a
	// reset closes its own socket before anyone can ask it.
	closedOrReset = []abort.Reason{abort.Closed, abort.Reset}
)

var leavings = []leaving{
	{"A1", tcp, "FIN", fin, closedOnly},
	{"A1", tcp, "close", closing, closedOnly},
	{"A2", tcp, "RST", rst, []abort.Reason{abort.Reset}},
	{"A8", h2c, "RST_STREAM", stream, []abort.Reason{abort.StreamReset}},
	{"A8", h2c, "FIN", fin, closedOnly},
	{"A8", h2c, "close", closing, closedOrReset},
	{"A8", h2c, "RST", rst, closedOrReset},
	{"A8", tls, "RST_STREAM", stream, []abort.Reason{abort.StreamReset}},
	{"A8", tls, "FIN", fin, closedOnly},
	{"A8", tls, "close", closing, closedOrReset},
	{"A8", tls, "RST", rst, closedOrReset},
}

func TestSocket_Reasons(t *testing.T) {
	for _, l := range leavings {
		t.Run(l.id+" "+string(l.wire)+" "+l.how, func(t *testing.T) {
			t.Run("ConnContext", func(t *testing.T) { reasonGiven(t, l, l.reasons, withConnContext) })
			t.Run("without", func(t *testing.T) { reasonGiven(t, l, []abort.Reason{abort.Unverified}) })
		})
	}
}

func reasonGiven(t *testing.T, l leaving, want []abort.Reason, configure ...func(*http.Server)) {
	t.Parallel()
	begun, ended := make(chan int, 1), make(chan error, 1)
	s := kernel(t, abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- r.ProtoMajor
		<-r.Context().Done()
		ended <- context.Cause(r.Context())
	})), l.wire, configure...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		res, err := s.client.Do(req)
		if err == nil {
			res.Body.Close()
		}
		answered <- err
	}()
	if proto := await(t, begun, "request"); (proto == 1) != (l.wire == tcp) {
		t.Fatalf("HTTP/%d on %s, want HTTP/1 on TCP alone", proto, l.wire)
	}
	l.leave(<-s.conns, cancel)
	cause := await(t, ended, "end of the context")
	if e, ok := cause.(*abort.Error); !ok || !slices.Contains(want, e.Reason) {
		t.Errorf("Cause = %v, want an abort with reason in %q", cause, want)
	}
	await(t, answered, "the client's error")
}
