package thirdparty_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/lastbyte-go/lastbyte/middleware"
)

// mount is how lastbyte stands around a handler.
type mount struct {
	name string
	wrap func(*middleware.Lifecycle, http.Handler) http.Handler
}

var mounts = []mount{
	{"Handler", func(l *middleware.Lifecycle, h http.Handler) http.Handler { return l.Handler(h) }},
	{"Detach", func(l *middleware.Lifecycle, h http.Handler) http.Handler { return l.Detach(h) }},
	{"hidden", func(l *middleware.Lifecycle, h http.Handler) http.Handler {
		h = l.Handler(h)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(hiding{w}, r) })
	}},
}

// hiding is a writer that shows nothing of the one below it but Flush.
type hiding struct{ w http.ResponseWriter }

func (h hiding) Header() http.Header         { return h.w.Header() }
func (h hiding) Write(p []byte) (int, error) { return h.w.Write(p) }
func (h hiding) WriteHeader(status int)      { h.w.WriteHeader(status) }
func (h hiding) Flush()                      { h.w.(http.Flusher).Flush() }

// site is an HTTP/3 server on the loopback interface and a client of it.
type site struct {
	server *http3.Server
	life   *middleware.Lifecycle
	client *http3.Transport
	conns  chan *quic.Conn // the client's
	url    string
	ended  chan middleware.Outcome
	over   <-chan struct{}
}

func open(t *testing.T, m mount, h http.HandlerFunc) *site {
	t.Helper()
	s := &site{
		ended: make(chan middleware.Outcome, 64), conns: make(chan *quic.Conn, 64), over: t.Context().Done(),
	}
	s.life = middleware.New(middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { s.ended <- o }})
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s.url = "https://" + udp.LocalAddr().String() + "/"
	s.server = &http3.Server{
		Handler:   m.wrap(s.life, h),
		TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{certificate()}}),
		Logger:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	}
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(udp) }()
	s.client = &http3.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		Dial: func(ctx context.Context, addr string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
			c, err := quic.DialAddr(ctx, addr, tc, qc)
			if err == nil {
				s.conns <- c
			}
			return c, err
		},
	}
	t.Cleanup(func() {
		s.client.Close()
		s.server.Close()
		<-served
		udp.Close()
		if err := s.life.Shutdown(context.Background()); err != nil { // t.Context has ended
			t.Errorf("Shutdown() = %v, want nil", err)
		}
	})
	return s
}

// certificate is for TLS servers: made now, and of the kind that costs least.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, like, like, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// answer is what a client gets.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of the header, or of the body
}

// get asks and reads to the end.
func (s *site) get(ctx context.Context, method string, body io.Reader) (a answer) {
	req, err := http.NewRequestWithContext(ctx, method, s.url, body)
	if err != nil {
		return answer{err: err}
	}
	resp, err := s.client.RoundTrip(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(got), err}
}
