package stress_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// streams is a client of HTTP/2.
type streams struct {
	*chaos
	*rand.Rand
	link
	transport *http.Transport

	mu    sync.Mutex
	conns []*net.TCPConn
}

func newStreams(c *chaos, r *rand.Rand, k link) *streams {
	s := &streams{chaos: c, Rand: r, link: k}
	s.dial()
	return s
}

// dial has the next request go over a new connection.
func (s *streams) dial() {
	s.transport = &http.Transport{Protocols: new(http.Protocols), DisableCompression: true, TLSClientConfig: believe()}
	s.transport.Protocols.SetHTTP2(s.secure)
	s.transport.Protocols.SetUnencryptedHTTP2(!s.secure)
	s.transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			s.mu.Lock()
			s.conns = append(s.conns, conn.(*net.TCPConn))
			s.mu.Unlock()
		}
		return conn, err
	}
}

func (s *streams) run() {
	for s.again() {
		manners := []func(){s.finish, s.together, s.abort, s.cancel, s.stop, s.leave, s.reset}
		manners[s.IntN(len(manners))]()
	}
	s.transport.CloseIdleConnections()
	s.drop()
}

// drop ends all connections, each by an RST or, if nothing is unread, a FIN.
func (s *streams) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		if rand.N(2) == 0 {
			_ = conn.SetLinger(0)
		}
		conn.Close()
	}
	s.conns = nil
}

// wasLate reports whether the server gave up one of the connections, see late.
func (s *streams) wasLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.conns, func(c *net.TCPConn) bool {
		_, found := s.late.addrs.Load(c.LocalAddr().String())
		return found
	})
}

// ops has no informational responses: if their stream is reset, net/http goes
// on to read the header map after WriteHeader has returned.
func (s *streams) ops() string {
	if s.IntN(2) == 0 {
		return calmly
	}
	return wildly
}

func (s *streams) do(ctx context.Context, p program, body io.Reader) (*http.Response, error) {
	scheme := map[bool]string{false: "http://", true: "https://"}[s.secure]
	r, err := http.NewRequestWithContext(ctx, p.method, scheme+s.sites[s.link].address+p.path(), body)
	if err != nil {
		return nil, err
	}
	return s.transport.RoundTrip(r)
}

func (s *streams) request(p program) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	res, err := s.do(ctx, p, strings.NewReader(strings.Repeat("x", p.upload)))
	p.unsure = err != nil && s.wasLate()
	s.whole(p, res, err)
}

func (s *streams) finish() { s.request(s.program(s.Rand, s.ops())) }

// together has several requests on one connection at a time.
func (s *streams) together() {
	var all sync.WaitGroup
	for range 2 + s.IntN(6) {
		p := s.program(s.Rand, s.ops())
		all.Go(func() { s.request(p) })
	}
	all.Wait()
}

// abort leaves in the middle of the answer.
func (s *streams) abort() {
	p := s.program(s.Rand, s.ops())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.left.Add(1)
	if res, err := s.do(ctx, p, nil); err == nil {
		s.some(p, res, s.IntN(40000))
		res.Body.Close()
	}
}

// cancel leaves at any time.
func (s *streams) cancel() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.IntN(2000))*time.Microsecond)
	defer cancel()
	p := s.program(s.Rand, s.ops())
	s.left.Add(1)
	if res, err := s.do(ctx, p, nil); err == nil {
		s.some(p, res, 100000)
		res.Body.Close()
	}
}

// stop uploads a part, and waits a little.
func (s *streams) stop() {
	p := s.program(s.Rand, wildly)
	p.method = "POST"
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.IntN(10))*time.Millisecond)
	defer cancel()
	body, more := io.Pipe()
	defer more.CloseWithError(context.Canceled)
	defer context.AfterFunc(ctx, func() { more.CloseWithError(context.Canceled) })() // net/http does not read beside a body
	n := s.IntN(100000)
	go func() { _, _ = more.Write(make([]byte, n)) }()
	s.left.Add(1)
	if res, err := s.do(ctx, p, body); err == nil {
		s.some(p, res, s.IntN(40000))
		res.Body.Close()
	}
}

// leave leaves a handler that waits for it to.
func (s *streams) leave() {
	p := s.waiting(s.Rand)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	res, err := s.do(ctx, p, nil)
	if err != nil && s.wasLate() {
		return
	}
	if err != nil {
		s.wrong("request %s %s: %v, want the beginning of an answer", p.id, p.path(), err)
		return
	}
	s.some(p, res, 0)
	s.left.Add(1)
	if s.IntN(3) == 0 {
		s.drop()
		defer s.dial()
	}
	res.Body.Close()
}

// reset ends the connection under several requests.
func (s *streams) reset() {
	var all sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for range 1 + s.IntN(4) {
		p := s.program(s.Rand, wildly)
		all.Go(func() {
			if res, err := s.do(ctx, p, nil); err == nil {
				s.some(p, res, 100000)
				res.Body.Close()
			}
		})
	}
	s.left.Add(1)
	dropped := make(chan struct{})
	time.AfterFunc(time.Duration(s.IntN(2000))*time.Microsecond, func() { s.drop(); close(dropped) })
	all.Wait()
	<-dropped
	s.dial()
}
