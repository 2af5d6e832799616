package conn

import (
	"net"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// Past is a deadline that has passed: what waits by it returns, and nothing else
// begins.
var Past = time.Unix(1, 0)

// CloseWriter ends the server's side of nc, so that the client sees it at once;
// net/http closes nc when the handler has returned. What has to wait until a
// deadline has been set is done by the result.
//
// idle: no Write to nc is under way. One that is may be stuck, and over TLS it
// holds a lock that CloseWrite would wait for: then the socket below is ended,
// without a close_notify.
func CloseWriter(nc net.Conn, idle bool) (finish func()) {
	if t, secure := peer.As[nethttp.TLSState](nc); secure && !idle {
		return func() { endWriting(peer.Below(t)) }
	}
	if _, ok := peer.As[halfCloser](nc); !ok {
		return func() { endWriting(nc) } // what is closed takes no deadline
	}
	endWriting(nc)
	return func() {}
}

type halfCloser interface{ CloseWrite() error }

// patience is how long a close_notify may take that a full buffer holds up. It
// has gone out before, or it never does: crypto/tls would try for five seconds
// (closeNotify in conn.go).
const patience = 20 * time.Millisecond

// endWriting closes c for writing. A connection that cannot be half closed, as a
// net.Pipe, is closed. The CloseWrite of a socket waits for no Write, and that of
// a TLS connection is called while none is under way.
func endWriting(c net.Conn) {
	if c == nil {
		return
	}
	w, ok := peer.As[halfCloser](c)
	if !ok {
		_ = c.Close() // net/http closes it a second time, and ignores that this fails
		return
	}
	giveUp := time.AfterFunc(patience, func() { _ = c.SetWriteDeadline(Past) })
	defer giveUp.Stop()
	_ = w.CloseWrite() // it fails where there is nobody left to tell
}

// ResetOnClose has the close of nc send a reset in place of an orderly end. It
// reports whether it will.
func ResetOnClose(nc net.Conn) bool {
	tcp, ok := peer.As[interface{ SetLinger(sec int) error }](nc)
	return ok && tcp.SetLinger(0) == nil
}

// UniqueAddr gives a copy of a that compares equal to no other address.
func UniqueAddr(a net.Addr) net.Addr {
	switch a := a.(type) {
	case nil:
		return nil
	case *net.TCPAddr:
		b := *a
		return &b
	case *net.UnixAddr:
		b := *a
		return &b
	}
	return &struct{ net.Addr }{a}
}
