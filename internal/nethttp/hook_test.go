package nethttp_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// states records what the ConnState hook of a server is told, and whether the
// connection was open then.
type states struct {
	mu   sync.Mutex
	list []string
}

func (s *states) hook(c net.Conn, state http.ConnState) {
	text := state.String()
	if c.SetReadDeadline(time.Time{}) != nil {
		text += ", closed"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, text)
}

func (s *states) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list
	s.list = nil
	return list
}

// The ConnState hook of an HTTP/1 server is called between the last byte of a
// response and the next request, with StateIdle, and with StateActive before the
// handler of that request: so the turns of requests can be told apart (conn.serve
// in server.go). If the next request has been received already, both are called.
func TestConnState_BetweenRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(states)
		srv := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			s.hook(nopConn{}, -1)
		}), func(srv *http.Server) { srv.ConnState = s.hook })
		conn := srv.Dial()
		io.WriteString(conn, strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 2))
		synctest.Wait()
		handler := http.ConnState(-1).String()
		if got, want := s.take(), []string{"new", "active", handler, "idle", "active", handler, "idle"}; !slices.Equal(got, want) {
			t.Errorf("two requests at once: the hook was told %q, want %q", got, want)
		}
		conn.Close()
		synctest.Wait()
		if got, want := s.take(), []string{"closed, closed"}; !slices.Equal(got, want) {
			t.Errorf("the client leaves: the hook was told %q, want %q", got, want)
		}
	})
}

type nopConn struct{ net.Conn }

func (nopConn) SetReadDeadline(time.Time) error { return nil }

// When the client ends an HTTP/2 connection with a stream on it, the hook is told
// StateIdle while the connection is open on the server's side: so it can ask the
// socket who was first (serverConn.serve and closeStream in h2_bundle.go).
func TestConnState_IdleBeforeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(states)
		begun := make(chan struct{})
		srv := pipenet.Start(t, pipenet.HTTP2, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(begun)
			<-r.Context().Done()
		}), func(srv *http.Server) { srv.ConnState = s.hook })
		call := srv.Begin(srv.NewRequest("GET", "/", nil))
		<-begun
		s.take()
		srv.Conns()[0].Close()
		call.Wait()
		synctest.Wait()
		if got, want := s.take(), []string{"idle", "closed, closed"}; !slices.Equal(got, want) {
			t.Errorf("the client leaves: the hook was told %q, want %q", got, want)
		}
	})
}

// Who calls the ConnState hook of an HTTP/1 server can be told by its name (conn.setState
// in server.go), through hooks that call each other, and is not that of HTTP/2.
func TestIsHookOfHTTP1(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		var mu sync.Mutex
		told := make(map[http.ConnState]bool)
		hook := func(_ net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			told[state] = nethttp.IsHookOfHTTP1()
		}
		s := pipenet.Start(t, p, http.NotFoundHandler(), func(srv *http.Server) {
			srv.Protocols.SetUnencryptedHTTP2(true)
			srv.ConnState = func(c net.Conn, state http.ConnState) { hook(c, state) }
		})
		res, err := s.Get("/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		synctest.Wait()
		hook(nil, -1)
		mu.Lock()
		defer mu.Unlock()
		for _, state := range []http.ConnState{http.StateActive, http.StateIdle} {
			if got, ok := told[state]; !ok || got != (p == pipenet.HTTP1) {
				t.Errorf("at %v IsHookOfHTTP1() = %v (called: %v), want %v", state, got, ok, p == pipenet.HTTP1)
			}
		}
		if told[-1] {
			t.Error("IsHookOfHTTP1() = true outside of a hook, want false")
		}
	})
}

// The HTTP/2 server says to CountError that a client has not answered its ping,
// before the hook is told of the end (handlePingTimer in h2_bundle.go).
func TestLostPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(states)
		srv := pipenet.Start(t, pipenet.HTTP2, http.NotFoundHandler(), func(srv *http.Server) {
			srv.ConnState = s.hook
			srv.HTTP2 = &http.HTTP2Config{
				SendPingTimeout: time.Second,
				PingTimeout:     time.Second,
				CountError: func(what string) {
					if what == nethttp.LostPing {
						s.hook(nopConn{}, -1)
					}
				},
			}
		})
		conn := srv.Dial()
		fmt.Fprint(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x00\x00\x00\x04\x00\x00\x00\x00\x00") // SETTINGS
		io.Copy(io.Discard, conn)                                                                    // and no answer to a ping
		synctest.Wait()
		lost := http.ConnState(-1).String()
		if got := s.take(); !slices.Contains(got, lost) || slices.Index(got, lost) > slices.Index(got, "closed, closed") {
			t.Errorf("the hook was told %q, want that CountError is told %q before the close", got, nethttp.LostPing)
		}
	})
}

// A read deadline that passes while the HTTP/1 server waits for the client's end
// ends the context of the request, though the client is there (golang/go#70834), and
// those of all later requests on the connection begin ended.
func TestReadDeadline_EndsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan bool, 2)
		srv := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/first" {
				http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
				time.Sleep(2 * time.Second)
				http.NewResponseController(w).SetReadDeadline(time.Time{})
			}
			ended <- r.Context().Err() != nil
		}))
		conn := srv.Dial()
		replies := bufio.NewReader(conn)
		for _, path := range []string{"/first", "/second"} {
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path)
			if !<-ended {
				t.Errorf("%s: the context is alive, want it ended: golang/go#70834 is fixed?", path)
			}
			if _, err := http.ReadResponse(replies, nil); err != nil {
				t.Fatalf("%s: ReadResponse() = %v, want a response", path, err)
			}
		}
		conn.Close()
	})
}

// The HTTP/1 server does not notice that the client leaves while the request body is
// unread (golang/go#23262), nor behind a byte of the next one (golang/go#37145).
func TestBackgroundRead_IsBlind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for request, more := range map[string]string{
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n": "he",
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                       "G",
		} {
			ended := make(chan bool, 1)
			srv := pipenet.Start(t, pipenet.HTTP1, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Minute)
				ended <- r.Context().Err() != nil
			}))
			conn := srv.Dial()
			io.WriteString(conn, request)
			synctest.Wait()
			io.WriteString(conn, more)
			synctest.Wait()
			conn.Close()
			if <-ended {
				t.Errorf("%q, then %q: the context has ended, want it alive: net/http notices now?", request, more)
			}
		}
	})
}
