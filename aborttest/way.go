package aborttest

import (
	"context"
	"errors"
)

// Way is how a client leaves.
type Way string

const (
	// Close closes the connection: the server gets a FIN, over TLS a close_notify
	// first. All streams of an HTTP/2 connection end with it.
	Close Way = "close"

	// Reset drops the connection with an RST, without a close_notify. What is on its
	// way in either direction is lost.
	Reset Way = "reset"

	// HalfClose shuts down the client's sending side: the server gets a FIN, and what
	// it sends still reaches the client. That is no more than the first half of what
	// Close does, but the client stays.
	HalfClose Way = "half-close"

	// StopReading has the client read no byte of the connection any more. It does not
	// leave: the server's writes block when everything between the two is full.
	StopReading Way = "stop reading"

	// StreamReset resets the stream with RST_STREAM. The connection lives on. HTTP/2
	// alone has streams; on HTTP/1.1 the test fails.
	StreamReset Way = "stream reset"

	// Timeout is what Go's client does when its own timeout passes or its context
	// ends: on HTTP/2 StreamReset, on HTTP/1.1 Close.
	Timeout Way = "timeout"
)

var errStreamReset = errors.New("aborttest: the client has reset the stream")

// Leave makes the client leave. It waits until the request has a connection, and no
// longer: what the server makes of it comes later, and in a bubble synctest.Wait waits
// for that. Call it on the test's goroutine.
func (c *Call) Leave(way Way) {
	c.client.t.Helper()
	c.await("a connection to leave", func() bool { return c.conn != nil || c.failed != nil })
	c.client.mu.Lock()
	conn, wire := c.conn, c.wire
	c.left = c.left || way != HalfClose && way != StopReading
	c.noteLocked("the client left: " + string(way))
	c.client.mu.Unlock()
	if conn == nil { // it has failed, and the server saw nothing of it, or no more of it
		c.client.t.Fatalf("aborttest: Leave(%s) of %s: there was no connection;%s", way, c, c.story())
	}
	switch way {
	case Close:
		_ = conn.Close() // a connection that the server has closed may fail to: the client is gone all the same
		c.cancel(context.Canceled)
	case Reset:
		_ = wire.Leave(way) // as for Close
		c.cancel(context.Canceled)
	case HalfClose, StopReading:
		if err := wire.Leave(way); err != nil {
			c.client.t.Fatalf("aborttest: Leave(%s) of %s: %v;%s", way, c, err, c.story())
		}
	case StreamReset:
		if c.client.proto != HTTP2 {
			c.client.t.Fatalf("aborttest: Leave(%s) of %s: HTTP/1.1 has no streams, want Timeout for a client that gives up", way, c)
		}
		c.cancel(errStreamReset)
	case Timeout:
		c.cancel(context.DeadlineExceeded)
	default:
		c.client.t.Fatalf("aborttest: Leave(%q): there is no such way to leave", way)
	}
}
