package conn_test

import (
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
)

// open gives a connection of a server whose ConnState hook is lastbyte's, and what
// tells the hook.
func open(t *testing.T, nc net.Conn) (*conn.Conn, func(http.ConnState)) {
	t.Helper()
	_, c := conn.With(t.Context(), nc)
	hook := conn.NewHook(conn.KnowServer(new(http.Server)))
	hook.Expect(c)
	tell := hook.Before(nil)
	return c, func(s http.ConnState) { tell(nc, s) }
}

// openPipe is open for a connection in memory, whose first request begins.
func openPipe(t *testing.T) (*conn.Conn, func(http.ConnState)) {
	t.Helper()
	nc, other := net.Pipe()
	t.Cleanup(func() { nc.Close(); other.Close() })
	c, tell := open(t, nc)
	tell(http.StateNew)
	tell(http.StateActive)
	return c, tell
}

// Where the hook may not be told of the end, and the connection has no socket to ask,
// what waits for the response is not lost.
func TestLease_RunsWhatWaitsWithoutASocket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nc, other := net.Pipe()
		defer nc.Close()
		defer other.Close()
		srv := new(http.Server)
		hook := conn.NewHook(conn.KnowServer(srv))
		hook.Install(srv)
		installed := srv.ConnState
		srv.ConnState = func(c net.Conn, s http.ConnState) { // a program's, set later
			if s == http.StateNew || s == http.StateActive {
				installed(c, s)
			}
		}
		_, c := conn.With(t.Context(), nc)
		hook.Expect(c)
		srv.ConnState(nc, http.StateNew)
		srv.ConnState(nc, http.StateActive)
		ran := false
		if !c.Lease(c.Begin()).WhenIdle(func() { ran = true }) {
			t.Fatal("WhenIdle() = false, want true")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if !ran {
			t.Error("the function has not run, want it to")
		}
	})
}

// acts reports whether something can be done by l.
func acts(l conn.Lease) bool { return l.Act(func(net.Conn) {}) }

// A lease ends with the response, and with each of the states that follow it.
func TestLease_EndsWithTheResponse(t *testing.T) {
	t.Parallel()
	for _, next := range []http.ConnState{http.StateIdle, http.StateActive} {
		c, tell := openPipe(t)
		l := c.Lease(c.Begin())
		if !l.Bounded() || l.Over() || !acts(l) {
			t.Errorf("a request is served: Bounded() = %v, Over() = %v, Act() = %v, want true, false, true", l.Bounded(), l.Over(), acts(l))
		}
		tell(next)
		if !l.Over() || acts(l) || l.ClosedHere() || l.WhenIdle(func() {}) {
			t.Errorf("after %v the lease holds, want it over", next)
		}
		if l = c.Lease(c.Begin()); l.Over() || !acts(l) {
			t.Errorf("after %v the next lease is over, want it to hold", next)
		}
	}
}

// The ends of the connection are no other request's.
func TestLease_HoldsToTheEndOfTheConnection(t *testing.T) {
	t.Parallel()
	for _, last := range []http.ConnState{http.StateClosed, http.StateHijacked} {
		c, tell := openPipe(t)
		l := c.Lease(c.Begin())
		tell(last)
		if l.Over() || !acts(l) {
			t.Errorf("after %v the lease is over, want it to hold: no other request comes", last)
		}
	}
}

// The zero Lease does nothing; one that nobody tells of does what it is asked to.
func TestLease_WithoutHook(t *testing.T) {
	t.Parallel()
	var none *conn.Conn
	if l := none.Lease(0); l != (conn.Lease{}) || l.Bounded() || l.Over() || acts(l) || l.Watch(nil) || l.ClosedHere() || l.WhenIdle(func() {}) {
		t.Errorf("the zero Lease does something, want nothing")
	}
	nc, other := net.Pipe()
	defer other.Close()
	_, c := conn.With(t.Context(), nc)
	l := c.Lease(c.Begin())
	if l.Bounded() || l.Over() || !acts(l) || l.WhenIdle(func() {}) || l.ClosedHere() {
		t.Error("a lease that nobody bounds does not act, is over or defers, want that it only acts")
	}
	nc.Close()
	if !l.ClosedHere() {
		t.Error("ClosedHere() = false after Close, want true")
	}
}

// A hook of the program's own, in the place of lastbyte's, that passes StateNew on
// and nothing else: it would not tell when a response is out.
func TestLease_HookThatTellsOfNewAlone(t *testing.T) {
	t.Parallel()
	nc, other := net.Pipe()
	defer nc.Close()
	defer other.Close()
	c, tell := open(t, nc)
	tell(http.StateNew)
	if l := c.Lease(c.Begin()); l.Bounded() {
		t.Error("Bounded() = true, want false")
	}
	tell(http.StateActive) // too late: it is not believed any more
	if l := c.Lease(c.Begin()); l.Bounded() {
		t.Error("Bounded() = true after the hook has failed, want false")
	}
}

// The hook waits for what acts on a connection of the standard library, and for
// nothing that is done to a type which it does not know.
func TestLease_TheHookWaitsForAct(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		server, _ := pair(t, false, nil)
		if !known {
			server = struct{ net.Conn }{server}
		}
		c, tell := open(t, server)
		tell(http.StateNew)
		tell(http.StateActive)
		inside, leave, told := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go c.Lease(c.Begin()).Act(func(net.Conn) { close(inside); <-leave })
		<-inside
		go func() { defer close(told); tell(http.StateIdle) }()
		if known {
			select {
			case <-told:
				t.Error("the hook returns while a request acts, want it to wait")
			case <-time.After(10 * time.Millisecond): // one that does not wait takes microseconds
			}
		} else {
			<-told
		}
		close(leave)
		<-told
	}
}

// B1: what waits for the last byte runs once, when the hook says that it is out.
func TestLease_WhenIdle(t *testing.T) {
	t.Parallel()
	nc, other := net.Pipe()
	defer nc.Close()
	defer other.Close()
	c, tell := open(t, nc)
	tell(http.StateNew)
	for _, end := range []http.ConnState{http.StateIdle, http.StateActive, http.StateClosed} {
		tell(http.StateActive)
		ran := 0
		if l := c.Lease(c.Begin()); !l.WhenIdle(func() { ran++ }) || ran != 0 {
			t.Errorf("WhenIdle() = false or ran %d times, want true and 0", ran)
		}
		if tell(end); ran != 1 {
			t.Errorf("ran %d times after %v, want once", ran, end)
		}
		if tell(end); ran != 1 {
			t.Errorf("ran %d times after a second %v, want once", ran, end)
		}
	}
}
