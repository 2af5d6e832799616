package abort_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	crypto "crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
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
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// link is what a client and a server on the loopback interface speak.
type link struct {
	name       string
	secure, h2 bool
	listener   *listenerAround // nil: none
}

// listenerAround is what stands around a server's listener. A pointer to it compares.
type listenerAround struct {
	wrap func(net.Listener) net.Listener
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
		OnEnd: func(_ *http.Request, o middleware.Outcome) { s.ended <- o },
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
	s.Config.ErrorLog = testkit.Log(t)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(w.h2)
	for _, c := range configure {
		c(s.Config)
	}
	if s.Config.ConnContext == nil {
		s.life.Attach(s.Config)
	}
	if w.listener != nil {
		s.Listener = w.listener.wrap(s.Listener)
	}
	testkit.CloseAtEnd(t, s.Server)
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

// body reads res to its end.
func body(res *http.Response) (string, error) {
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}
