package middleware_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/testkit"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// lateHooks are what programs do with srv.ConnState after Attach.
var lateHooks = []struct {
	name   string
	change func(srv *http.Server, own func(net.Conn, http.ConnState))
}{
	{"left", func(*http.Server, func(net.Conn, http.ConnState)) {}},
	{"nil", func(srv *http.Server, _ func(net.Conn, http.ConnState)) { srv.ConnState = nil }},
	{"replaced", func(srv *http.Server, own func(net.Conn, http.ConnState)) { srv.ConnState = own }},
	{"chained", passesOn(func(http.ConnState) bool { return true })},
	{"StateNew alone passed on", passesOn(func(s http.ConnState) bool { return s == http.StateNew })},
	{"all but StateNew passed on", passesOn(func(s http.ConnState) bool { return s != http.StateNew })},
	{"StateClosed ahead of StateNew", func(srv *http.Server, own func(net.Conn, http.ConnState)) {
		attached := srv.ConnState
		srv.ConnState = func(c net.Conn, s http.ConnState) {
			own(c, s)
			switch s {
			case http.StateClosed:
				attached(c, s)
				attached(c, http.StateNew)
			case http.StateNew:
			default:
				attached(c, s)
			}
		}
	}},
	{"StateClosed not passed on", passesOn(func(s http.ConnState) bool { return s != http.StateClosed })},
	{"StateNew and StateActive passed on", passesOn(func(s http.ConnState) bool { return s == http.StateNew || s == http.StateActive })},
	{"StateIdle not passed on", passesOn(func(s http.ConnState) bool { return s != http.StateIdle })},
}

// passesOn is a hook that calls the one of Attach for some states.
func passesOn(of func(http.ConnState) bool) func(srv *http.Server, own func(net.Conn, http.ConnState)) {
	return func(srv *http.Server, own func(net.Conn, http.ConnState)) {
		attached := srv.ConnState
		srv.ConnState = func(c net.Conn, s http.ConnState) {
			own(c, s)
			if of(s) {
				attached(c, s)
			}
		}
	}
}

// With Attach's ConnState hook replaced, tasks must not wait for a call of it, nor
// may every connection be kept.
func TestLifecycle_Attach_ConnStateChanged(t *testing.T) {
	visits := testkit.Rounds(4, 20)
	for _, m := range mounts {
		for _, late := range lateHooks {
			for _, secure := range []bool{false, true} {
				t.Run(m.name+" "+late.name+map[bool]string{true: " TLS"}[secure], func(t *testing.T) {
					t.Parallel()
					ran := make(chan struct{}, 10*visits)
					life := middleware.New(middleware.Options{})
					s := httptest.NewUnstartedServer(m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if err := eof.Defer(r.Context(), func(context.Context) { ran <- struct{}{} }); err != nil {
							t.Errorf("Defer() = %v, want nil", err)
						}
						io.WriteString(w, "hello")
					})))
					seen := new(census)
					life.Attach(s.Config)
					late.change(s.Config, seen.state)
					if secure {
						s.StartTLS()
					} else {
						s.Start()
					}
					t.Cleanup(s.Close)
					for range visits {
						visit(t, s, ran)
					}
					if late.name != "left" && late.name != "nil" {
						seen.wantNone(t, life, visits)
					}
					s.Close()
					if err := life.Shutdown(t.Context()); err != nil {
						t.Errorf("Shutdown() = %v, want nil", err)
					}
				})
			}
		}
	}
}

// visit makes two requests on a connection of its own, and sees each one's task.
func visit(t *testing.T, s *httptest.Server, ran <-chan struct{}) {
	t.Helper()
	tr := s.Client().Transport.(*http.Transport).Clone()
	for range 2 {
		res, err := (&http.Client{Transport: tr, Timeout: time.Minute}).Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(res.Body); err != nil || string(b) != "hello" {
			t.Errorf("body = %q, %v, want hello", b, err)
		}
		res.Body.Close()
	}
	tr.CloseIdleConnections()
	for i := range 2 {
		select {
		case <-ran:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d tasks ran, want 2", i)
		}
	}
}

// census has the connections of a server, and keeps none of them alive.
type census struct {
	mu    sync.Mutex
	conns map[string]weak.Pointer[net.TCPConn]
}

func (c *census) state(nc net.Conn, state http.ConnState) {
	if state != http.StateNew {
		return
	}
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = t.NetConn()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns == nil {
		c.conns = make(map[string]weak.Pointer[net.TCPConn])
	}
	c.conns[nc.RemoteAddr().String()] = weak.Make(nc.(*net.TCPConn))
}

// wantNone waits until no connection is kept while life lives.
func (c *census) wantNone(t *testing.T, life *middleware.Lifecycle, seen int) {
	t.Helper()
	c.mu.Lock()
	n := len(c.conns)
	c.mu.Unlock()
	if n < seen {
		t.Errorf("ConnState told of %d connections, want %d", n, seen)
	}
	again := time.NewTicker(5 * time.Millisecond) // no event tells that a connection is collected
	defer again.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-again.C {
		runtime.GC()
		kept := 0
		c.mu.Lock()
		for _, p := range c.conns {
			if p.Value() != nil {
				kept++
			}
		}
		c.mu.Unlock()
		if kept == 0 || time.Now().After(end) {
			if kept > 0 {
				t.Errorf("%d of %d connections are kept, want none", kept, n)
			}
			break
		}
	}
	runtime.KeepAlive(life)
}
