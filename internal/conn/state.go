package conn

import (
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// When net/http meets the end of an HTTP/2 connection it closes its own descriptor
// of the socket, and then nobody can ask the socket any more who came first: the
// client, or a Close of this process. But before that it calls the server's
// ConnState hook with StateIdle, on the same goroutine: the deferred calls of
// serverConn.serve (h2_bundle.go, Go 1.26 and 1.27) close the streams, and
// closeStream of the last one calls the hook, before they close the connection.
// What the socket says at that moment is the proof. If this process closed the
// connection first, it says that.

// stateChanged is what net/http tells of c, by the server's ConnState hook.
func (c *Conn) stateChanged(state http.ConnState) {
	switch state {
	case http.StateHijacked, http.StateClosed: // no other request comes
	default:
		c.nextTurn()
	}
	switch state {
	case http.StateHijacked: // whoever serves the connection now need not call the hook
		c.hooked.Store(false)
		c.forgetSocket()
	case http.StateClosed:
		c.forgetSocket()
		c.forgetLostPing()
	case http.StateIdle:
		if c.isH2.Load() {
			c.lookAtTheEnd()
		}
	case http.StateActive: // over TLS the handshake has been made by now
		if !c.hooked.Load() {
			c.isH2.Store(c.maySpeakHTTP2())
			c.hooked.Store(true)
			if c.isH2.Load() {
				c.keepSocket()
			}
		}
		c.left.Store(uint32(peer.Unknown))
	}
}

// maySpeakHTTP2 is asked once, in the hook, so that other connections are not looked at
// each time they are idle.
func (c *Conn) maySpeakHTTP2() bool {
	if t, secure := c.tls(); secure {
		return t.ConnectionState().NegotiatedProtocol == "h2"
	}
	srv := c.netServer()
	if srv != nil && (srv.Protocols == nil || !srv.Protocols.UnencryptedHTTP2()) {
		return false
	}
	return !nethttp.IsHookOfHTTP1()
}

// lookAtTheEnd notes how the client left, if it did so before a Close of this
// process.
func (c *Conn) lookAtTheEnd() {
	switch s := c.peer.State(); s {
	case peer.Closed, peer.Reset:
		if c.BeganToClose() {
			c.LeftFirst()
		} else {
			c.left.Store(uint32(s))
		}
	case peer.Local:
		c.LeftFirst()
	default:
		// It is open. If net/http closes it now, its reader has met an end that the
		// socket does not show yet, or never will: a close_notify ahead of its FIN,
		// or a connection without a socket. Else StateActive is next. Or this process
		// has just said close_notify, the client has answered, and the Close is not
		// through; that is asked where somebody waits for the client's end.
		if c.IsTLS() && !(c.watched.Load() && c.BeganToClose()) || s == peer.Unknown {
			c.left.Store(uint32(peer.Closed))
		}
	}
}

// BeganToClose is Closing, which may also be asked beside a Write that is stuck:
// the client's end may be the answer to this process's close_notify. If this
// process has begun to close the connection, the answer comes at once; else it may
// have to wait for that Write, and to take a while is an answer, too. The goroutine
// that asks then ends with that Write, which does not outlive the connection.
func (c *Conn) BeganToClose() bool {
	t, secure := c.tls()
	if !secure || c.peer.IsStuck() {
		return false // a close that finds a Write stuck sends no close_notify
	}
	asked, answer := make(chan struct{}), make(chan bool, 1)
	time.AfterFunc(0, func() {
		close(asked)
		answer <- nethttp.ClosingTLS(t)
	})
	<-asked // on a busy machine that alone may take longer than the while
	patience := time.NewTimer(5 * time.Millisecond)
	defer patience.Stop()
	select {
	case closing := <-answer:
		return closing
	case <-patience.C:
	}
	select {
	case closing := <-answer: // this goroutine was not run in time to see it
		return closing
	default:
		return false
	}
}
