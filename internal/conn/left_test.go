package conn_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// TestA8_LeftBeforeTheClose: where net/http cannot write a frame of HTTP/2, it
// closes the connection before anybody has looked at the socket. It is known all
// the same who left first, also to a stream that ends before the hook is called, and to
// one whose handler asks when the connection is gone.
func TestA8_LeftBeforeTheClose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		client bool // it leaves first
		reset  bool
		hooks  []http.ConnState // are called by the time when the question is asked
	}{
		{"the client resets", true, true, []http.ConnState{http.StateIdle}},
		{"the client resets, before the hook", true, true, nil},
		{"the client resets, after all hooks", true, true, []http.ConnState{http.StateIdle, http.StateClosed}},
		{"the client resets, without a stream", true, true, []http.ConnState{http.StateClosed}},
		{"the client closes", true, false, []http.ConnState{http.StateIdle}},
		{"the client closes, before the hook", true, false, nil},
		{"the client closes, after all hooks", true, false, []http.ConnState{http.StateIdle, http.StateClosed}},
		{"the client closes, without a stream", true, false, []http.ConnState{http.StateClosed}},
		// When StateClosed has been told, the client hears of the close.
		{"N2 this process closes", false, false, []http.ConnState{http.StateIdle, http.StateClosed}},
		{"N2 this process closes, before the hook", false, false, nil},
		{"N2 this process closes, without a stream", false, false, []http.ConnState{http.StateClosed}},
		{"N2 this process closes, the client resets", false, true, []http.ConnState{http.StateIdle, http.StateClosed}},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(map[bool]string{false: "plain ", true: "TLS "}[secure]+c.name, func(t *testing.T) {
				t.Parallel()
				server, client := pair(t, secure, nil)
				_, k := conn.With(t.Context(), server)
				conn.StateChanged(k, http.StateActive)
				defer conn.StateChanged(k, http.StateClosed)
				leave := func() {
					if c.reset {
						_ = client.SetLinger(0)
					}
					client.Close()
				}
				if c.client {
					leave()
					for err := error(nil); err == nil; {
						_, err = server.Write(make([]byte, 1000))
					}
				}
				server.Close() // as net/http does after that
				for _, state := range c.hooks {
					conn.StateChanged(k, state)
				}
				if !c.client && len(c.hooks) > 0 {
					leave()
				}
				if got := k.LeftFirst(); (got != peer.Unknown) != c.client {
					t.Errorf("the client left %v, want that it left first: %v", got, c.client)
				}
			})
		}
	}
}

// TestN2_LostPingOfAnother: a client that does not answer a ping has left its own
// connection alone, also where that has no stream, so that nobody has asked who closed it.
// What this process closes after that is not taken for the client's.
func TestN2_LostPingOfAnother(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("TLS %t, stream %t", secure, stream), func(t *testing.T) {
				t.Parallel()
				srv := &http.Server{HTTP2: &http.HTTP2Config{SendPingTimeout: time.Second}}
				h := conn.NewHook(conn.KnowServer(srv))
				hook := h.Before(nil)
				open := func() (*conn.Conn, net.Conn) {
					nc, _ := pair(t, secure, nil)
					_, k := conn.With(t.Context(), nc)
					h.Expect(k)
					for _, state := range []http.ConnState{http.StateNew, http.StateActive, http.StateIdle} {
						hook(nc, state)
					}
					return k, nc
				}
				lost, nc := open()
				if stream {
					hook(nc, http.StateActive)
				}
				srv.HTTP2.CountError(nethttp.LostPing)
				nc.Close()
				if stream {
					hook(nc, http.StateIdle)
				}
				hook(nc, http.StateClosed)
				other, nc := open()
				hook(nc, http.StateActive)
				nc.Close()
				hook(nc, http.StateIdle)
				hook(nc, http.StateClosed)
				if got := other.LeftFirst(); got != peer.Unknown {
					t.Errorf("LeftFirst() = %v of a connection that this process has closed, want %v", got, peer.Unknown)
				}
				if got := lost.LeftFirst(); got != peer.Closed {
					t.Errorf("LeftFirst() = %v after a lost ping, want %v", got, peer.Closed)
				}
			})
		}
	}
}

// TestA8_LeftBeforeACloseBesideAWrite: over TLS a Close beside a Write sends no
// close_notify. So the end of the client, of which the socket has told before, is no
// answer to one.
func TestA8_LeftBeforeACloseBesideAWrite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		client bool // it leaves first
		reset  bool
		want   peer.State
	}{
		{"the client resets", true, true, peer.Reset},
		{"the client closes", true, false, peer.Closed},
		{"N2 this process closes", false, false, peer.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stuck := &stuck{begun: make(chan struct{}), free: make(chan struct{})}
			server, client := pair(t, true, func(nc net.Conn) net.Conn { stuck.Conn = nc; return stuck })
			_, k := conn.With(t.Context(), server)
			conn.StateChanged(k, http.StateActive)
			defer conn.StateChanged(k, http.StateClosed)
			gone := make(told, 2)
			if !k.Lease(0).Watch(gone) {
				t.Skip("no socket can be watched")
			}
			if stuck.on.Store(true); c.client {
				if c.reset {
					_ = client.SetLinger(0)
				}
				client.Close()
				for s := range gone {
					if s == c.want {
						break
					}
				}
			}
			returned := make(chan error, 1)
			go func() {
				_, err := server.Write([]byte("a frame"))
				returned <- err
			}()
			<-stuck.begun
			server.Close()
			close(stuck.free)
			<-returned
			client.Close()
			if got := k.LeftFirst(); got != c.want {
				t.Errorf("LeftFirst() = %v, want %v", got, c.want)
			}
		})
	}
}

// told gets what a watcher is told.
type told chan peer.State

func (c told) PeerGone(s peer.State) { c <- s }

// stuck is a connection whose next Write waits, once it is on.
type stuck struct {
	net.Conn
	on          atomic.Bool
	begun, free chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	if s.on.Swap(false) {
		close(s.begun)
		<-s.free
	}
	return s.Conn.Write(p)
}

// pair gives both ends of a connection: the server's speaks TLS over it or not,
// the client's is the socket. around, if not nil, is what stands below TLS.
func pair(t *testing.T, secure bool, around func(net.Conn) net.Conn) (server net.Conn, client *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if around != nil {
		server = around(server)
	}
	if secure {
		certified := httptest.NewUnstartedServer(nil)
		certified.StartTLS()
		defer certified.Close()
		shaken := make(chan error, 1)
		go func() {
			shaken <- tls.Client(nc, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}).Handshake()
		}()
		over := tls.Server(server, &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2"}})
		if err := over.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		server = over
	}
	return server, nc.(*net.TCPConn)
}
