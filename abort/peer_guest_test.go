package abort_test

import (
	"bufio"
	"context"
	crypto "crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// told is a connection that says when its reader has met the end, or who
// reads from it has closed it.
type told struct {
	net.Conn
	once  sync.Once
	ended chan struct{}
}

func (c *told) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.once.Do(func() { close(c.ended) })
	}
	return n, err
}

func (c *told) Close() error {
	c.once.Do(func() { close(c.ended) })
	return c.Conn.Close()
}

// guest is a client with one connection.
type guest struct {
	site *site
	tcp  *net.TCPConn
	told *told
	conn net.Conn // HTTP/1: what is written to, tcp or TLS over it
	in   *bufio.Reader

	h2     *http.ClientConn // nil: HTTP/1
	cancel context.CancelFunc
	heads  chan head
}

type head struct {
	*http.Response
	err error
}

type answer struct {
	status int
	text   string
	err    error
}

// guest connects. On HTTP/2 it sends and gets a whole request before it
// returns: then nothing of the server's is under way, and a close is no reset.
func (s *site) guest(t *testing.T) *guest {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatalf("Dial() = %v, want a connection", err)
	}
	g := &guest{site: s, tcp: c.(*net.TCPConn), told: &told{Conn: c, ended: make(chan struct{})}, heads: make(chan head, 1)}
	g.conn = g.told
	t.Cleanup(func() { g.tcp.Close() })
	if s.link.secure {
		conf := &crypto.Config{InsecureSkipVerify: true} // it is the one above, of this moment
		if s.link.h2 {
			conf.NextProtos = []string{"h2"}
		}
		tc := crypto.Client(g.told, conf)
		if err := tc.HandshakeContext(t.Context()); err != nil {
			t.Fatalf("Handshake() = %v, want nil", err)
		}
		g.conn = tc
	}
	if s.link.h2 {
		g.greet(t)
	} else {
		g.in = bufio.NewReader(g.conn)
	}
	return g
}

// greet makes an HTTP/2 client of g.
func (g *guest) greet(t *testing.T) {
	t.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) { return g.conn, nil }
	tr := &http.Transport{DialContext: dial, DialTLSContext: dial, Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP2(g.site.link.secure)
	tr.Protocols.SetUnencryptedHTTP2(!g.site.link.secure)
	h2, err := tr.NewClientConn(t.Context(), g.scheme(), "example.com:80")
	if err != nil {
		t.Fatalf("NewClientConn() = %v, want one", err)
	}
	g.h2 = h2
	t.Cleanup(func() { h2.Close() })
	g.begin(t, "GET", "/hello", nil)
	g.ok(t, "hello")
}

func (g *guest) scheme() string {
	return map[bool]string{true: "https", false: "http"}[g.site.link.secure]
}

// begin sends a request with body, or only what there is of it, and does not
// wait.
func (g *guest) begin(t *testing.T, method, path string, body io.Reader) {
	t.Helper()
	if g.h2 == nil {
		g.write(t, method+" "+path+" HTTP/1.1\r\nHost: example.com\r\n\r\n")
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	g.cancel = cancel
	req, err := http.NewRequestWithContext(ctx, method, g.scheme()+"://example.com"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		res, err := g.h2.RoundTrip(req)
		g.heads <- head{res, err}
	}()
}

// head waits for the response's header.
func (g *guest) head(t *testing.T) (*http.Response, error) {
	t.Helper()
	if g.h2 == nil {
		go func() {
			res, err := http.ReadResponse(g.in, nil)
			g.heads <- head{res, err}
		}()
	}
	h := await(t, g.heads, "response")
	return h.Response, h.err
}

// write sends raw text; it fails the test if that fails.
func (g *guest) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(g.conn, text); err != nil {
		t.Fatalf("client's Write(%.40q) = %v, want nil", text, err)
	}
}

// answer waits for the whole response.
func (g *guest) answer(t *testing.T) answer {
	t.Helper()
	res, err := g.head(t)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	whole := make(chan answer, 1)
	go func() {
		b, err := io.ReadAll(res.Body)
		whole <- answer{res.StatusCode, string(b), err}
	}()
	return await(t, whole, "response's body")
}

// ok asserts that the response is 200 with text.
func (g *guest) ok(t *testing.T, text string) {
	t.Helper()
	if a := g.answer(t); a.err != nil || a.status != 200 || a.text != text {
		t.Errorf("response = %d %.40q, %v, want 200 %.40q", a.status, a.text, a.err, text)
	}
}
