package exitcode_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/exitcode"
)

// Connections that speak TLS without being a *tls.Conn: what counts is what they
// can do.
type (
	embedsTLS struct{ *tls.Conn }
	hasTLS    struct{ net.Conn }
)

var tlsWrappers = []func(*tls.Conn) net.Conn{
	func(c *tls.Conn) net.Conn { return c },
	func(c *tls.Conn) net.Conn { return embedsTLS{c} },
	func(c *tls.Conn) net.Conn { return &embedsTLS{c} },
	func(c *tls.Conn) net.Conn { return hasTLS{c} },
	func(c *tls.Conn) net.Conn { return &hasTLS{embedsTLS{c}} },
}

// An exit that drops acts at once on a handler that is stuck
// in a Write. That Write holds the lock of the TLS records, for which CloseWrite
// would wait.
func TestX11_TLSStuckWrite(t *testing.T) {
	for _, wrap := range tlsWrappers {
		for _, code := range []exitcode.Code{exitcode.Close, exitcode.Error} {
			synctest.Test(t, func(t *testing.T) {
				errs, took := make(chan error, 1), make(chan time.Duration, 1)
				c := dialWrappedTLS(t, wrap, func(w http.ResponseWriter, r *http.Request) {
					time.AfterFunc(time.Second, func() {
						begin := time.Now()
						isErr(t, "Exit", exitcode.Exit(r.Context(), code), nil)
						took <- time.Since(begin)
					})
					for {
						if _, err := w.Write(bytes.Repeat([]byte("x"), 64<<10)); err != nil {
							errs <- err
							return
						}
					}
				})
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
				time.Sleep(2 * time.Second) // and reads nothing
				synctest.Wait()
				select {
				case d := <-took:
					check(t, "Exit", d, 0)
				default:
					t.Error("Exit has not returned, want it at once")
					c.NetConn().Close()
				}
				if err := <-errs; err == nil {
					t.Error("Write() = nil after the exit, want an error")
				}
			})
		}
	}
}
