package nethttp

import (
	"crypto/tls"
	"errors"
	"net"
)

// TLSState is what a connection that speaks TLS can tell, [*tls.Conn] and what
// embeds it.
type TLSState interface {
	net.Conn
	ConnectionState() tls.ConnectionState
}

// IsTLS reports whether c speaks TLS: by what it can do, not by its type.
func IsTLS(c net.Conn) bool {
	_, ok := c.(TLSState)
	return ok
}

// ClosingTLS reports whether this process has begun to close c, a connection
// that speaks TLS. Its close_notify goes out before its FIN, so a client may
// answer the one before the other is sent. A Write of no bytes sends nothing and
// tells (Write in crypto/tls/conn.go: it looks for a Close before anything
// else). If c is not closing, that Write waits for another that is under way:
// the caller must know that none can be stuck.
func ClosingTLS(c net.Conn) bool {
	if !IsTLS(c) {
		return false
	}
	_, err := c.Write(nil)
	return errors.Is(err, net.ErrClosed)
}

// CloseNotifyError gives what came of the close_notify of c, which this process
// has closed, see ClosingTLS: crypto/tls keeps it (closeNotify in
// crypto/tls/conn.go). Where a frame cannot be written, net/http closes the
// connection, and the close_notify meets what the frame has met.
func CloseNotifyError(c net.Conn) error {
	w, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	return w.CloseWrite()
}

// AlertSize is the size of a record with an alert in it, of the cipher suites
// that crypto/tls prefers: five bytes of header, two of the alert, the tag of
// the cipher, and with TLS 1.3 the type, before it an explicit nonce.
func AlertSize(c TLSState) int {
	if c.ConnectionState().Version == tls.VersionTLS13 {
		return 5 + 2 + 1 + 16
	}
	return 5 + 8 + 2 + 16
}
