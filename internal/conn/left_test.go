package conn_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/conn"
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
				server, client := pair(t, secure)
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

// pair gives both ends of a connection: the server's speaks TLS over it or not,
// the client's is the socket.
func pair(t *testing.T, secure bool) (server net.Conn, client *net.TCPConn) {
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
	if secure {
		certified := httptest.NewUnstartedServer(nil)
		certified.StartTLS()
		defer certified.Close()
		shaken := make(chan error, 1)
		go func() { shaken <- tls.Client(nc, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
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
