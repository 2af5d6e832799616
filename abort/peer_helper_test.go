package abort_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	crypto "crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// link is what a client and a server on the loopback interface speak.
type link struct {
	name       string
	secure, h2 bool
}

var (
	overTCP = link{name: "TCP"}
	overTLS = link{name: "TLS", secure: true}
	overH2C = link{name: "h2c", h2: true}
	overH2S = link{name: "TLS h2", secure: true, h2: true}

	links = []link{overTCP, overTLS, overH2C, overH2S}
)

// site is a server on the loopback interface with a Lifecycle and
// abort.ConnContext.
type site struct {
	*httptest.Server
	link  link
	life  *middleware.Lifecycle
	ended chan middleware.Outcome
	calls atomic.Int32 // callbacks of register
	over  <-chan struct{}
}

type outerKey struct{}

// outer is the context that net/http gave, whatever lastbyte makes of its end.
func outer(ctx context.Context) context.Context {
	return ctx.Value(outerKey{}).(context.Context)
}

// open starts h inside m. Each configure may change the server first.
func open(t *testing.T, w link, m mount, o abort.Options, h func(*site) http.HandlerFunc, configure ...func(*http.Server)) *site {
	t.Helper()
	s := &site{link: w, ended: make(chan middleware.Outcome, 4096), over: t.Context().Done()}
	s.life = middleware.New(middleware.Options{
		Abort: o,
		OnEnd: func(o middleware.Outcome) { s.ended <- o },
	})
	inside := m.wrap(s.life, h(s))
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hello" { // without lastbyte
			io.WriteString(w, "hello")
			return
		}
		inside.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), outerKey{}, r.Context())))
	}))
	s.Config.ConnContext = abort.ConnContext
	s.Config.ErrorLog = log.New(t.Output(), "", 0)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(w.h2)
	for _, c := range configure {
		c(s.Config)
	}
	if s.Config.ConnContext == nil {
		s.life.Attach(s.Config)
	}
	if w.secure {
		// A session ticket that the client has not read when it closes would make
		// a reset of its close.
		s.TLS = &crypto.Config{SessionTicketsDisabled: true, Certificates: []crypto.Certificate{certificate()}}
		s.EnableHTTP2 = w.h2
		s.Config.Protocols.SetHTTP2(w.h2)
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// attach has a site use Lifecycle.Attach in place of abort.ConnContext.
func attach(yes bool) func(*http.Server) {
	return func(srv *http.Server) {
		if yes {
			srv.ConnContext = nil // open attaches then
		}
	}
}

func name(l link, attached bool) string {
	return l.name + map[bool]string{false: " ConnContext", true: " Attach"}[attached]
}

// certificate is for TLS servers: made now, and of the kind that costs least.
var certificate = sync.OnceValue(func() crypto.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, like, like, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return crypto.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// register registers the callback that s counts, and gives what it comes to.
func (s *site) register(ctx context.Context) (<-chan *abort.Error, error) {
	called := make(chan *abort.Error, 1)
	return called, abort.On(ctx, func(context.Context) {
		s.calls.Add(1)
		e, _ := abort.Cause(ctx)
		select {
		case called <- e:
		default: // the second one, which the count will show
		}
	})
}

// waits gives ctx's end, and that of a test that failed.
func waits(t *testing.T, ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-t.Context().Done():
	}
}

// called waits for the callback, and for the end of a test that failed.
func (s *site) called(ch <-chan *abort.Error) *abort.Error {
	select {
	case e := <-ch:
		return e
	case <-s.over:
		return nil
	}
}

// outcome gives the next request's, and asserts how many callbacks ran so far.
func (s *site) outcome(t *testing.T, calls int32) middleware.Outcome {
	t.Helper()
	o := await(t, s.ended, "OnEnd")
	if got := s.calls.Load(); got != calls {
		t.Errorf("%d callbacks ran so far, want %d", got, calls)
	}
	return o
}

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

// way is how a client leaves.
type way struct {
	name string
	do   func(*guest)
	want abort.Reason
	or   abort.Reason // "": want alone
}

// either: an HTTP/2 server that meets an end of the connection closes its own
// descriptor, and says goodbye on TLS, before the socket can be asked. Whether
// that was a reset is then a matter of who is quicker.
func (w way) either() way {
	w.want, w.or = abort.Closed, abort.Reset
	return w
}

var (
	wayFIN    = way{"FIN", func(g *guest) { g.tcp.CloseWrite() }, abort.Closed, ""}
	wayClose  = way{"close", func(g *guest) { g.tcp.Close() }, abort.Closed, ""}
	wayRST    = way{"RST", func(g *guest) { g.tcp.SetLinger(0); g.tcp.Close() }, abort.Reset, ""}
	wayNotify = way{"close_notify", func(g *guest) { g.conn.(*crypto.Conn).CloseWrite() }, abort.Closed, ""}
	wayTLS    = way{"close_notify and FIN", func(g *guest) { g.conn.Close() }, abort.Closed, ""}
	wayStream = way{"RST_STREAM", func(g *guest) { g.cancel() }, abort.StreamReset, ""}
)

// left asserts an abort for the reason of how, and gives its error.
func left(t *testing.T, e *abort.Error, ok bool, how way) {
	t.Helper()
	if !ok || e == nil || e.Reason != how.want && e.Reason != how.or || !errors.Is(e, abort.ErrClientAborted) {
		t.Errorf("after %s: abort = %v, want one with reason %q or %q", how.name, e, how.want, how.or)
	}
}

// post is an HTTP/1 request that announces length bytes of body and brings some.
func post(length, bring int) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n\r\n%s",
		length, strings.Repeat("x", bring))
}
