package aborttest

import (
	"net"
	"testing"
)

// tells is a connection that says when it ends.
type tells struct {
	net.Conn
	ends func()
}

func (c *tells) Reset()       { c.ends() }
func (c *tells) Close() error { c.ends(); return nil }

// A connection ends before those hear of it that close it then in their own way: a reset
// over TLS could look like a close.
func TestConn_EndsFirst(t *testing.T) {
	t.Parallel()
	for _, way := range []Way{Reset, Close} {
		ended := false
		inner := new(tells)
		c := newConn(inner)
		inner.ends = func() { ended = c.over.Err() == nil }
		if err := c.Leave(way); err != nil || !ended || c.over.Err() == nil {
			t.Errorf("Leave(%s) = %v: the connection ended first: %t, and it is over: %v", way, err, ended, c.over.Err())
		}
	}
}
