package pipenet

import (
	"fmt"
	"io"
	"net"
	"time"
)

// Window is how many bytes a connection of a [Server] holds in each direction
// before its writer has to wait for the reader.
const Window = 64 << 10

// Conn is one end of a connection made by [Pipe]. It behaves like a TCP
// connection: its failures are *net.OpError, around net.ErrClosed,
// os.ErrDeadlineExceeded, syscall.ECONNRESET or syscall.EPIPE. All methods may
// be called by several goroutines at once.
type Conn struct {
	in, out       *flow
	local, remote net.Addr
}

// Pipe returns the two ends of a new connection that holds up to window bytes
// in each direction. It panics if window is not positive. Called in a bubble,
// both ends belong to it.
func Pipe(window int) (client, server *Conn) {
	if window <= 0 {
		panic(fmt.Sprintf("pipenet.Pipe: window must be positive, got %d", window))
	}
	return pipe(window, addr(1, 40000), addr(2, 80))
}

func pipe(window int, client, server net.Addr) (c, s *Conn) {
	up, down := newFlow(window), newFlow(window)
	return &Conn{in: down, out: up, local: client, remote: server},
		&Conn{in: up, out: down, local: server, remote: client}
}

// addr is an address out of the range that is kept for documentation.
func addr(host byte, port int) net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, host), Port: port}
}

// Read waits for bytes. After the other end's Close or CloseWrite it returns
// what is left and then io.EOF; after its Reset, ECONNRESET at once.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.wrap("read", err)
}

// Write returns when all of b is on its way. It waits while the window is
// full. After the other end's Close it fails with EPIPE, after its Reset with
// ECONNRESET; a Write that waits is woken by them.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	if err == errPipe {
		c.in.end(errReset) // what is sent to a closed socket is answered by a reset
	}
	return n, c.wrap("write", err)
}

// Close ends both directions: the other end reads what was written, then
// io.EOF, and can write no more. A second Close fails with net.ErrClosed.
func (c *Conn) Close() error {
	c.out.closeWrite()
	if !c.in.closeRead() {
		return c.wrap("close", net.ErrClosed)
	}
	return nil
}

// CloseWrite is a half-close: the other end reads io.EOF after what was
// written, and may go on writing.
func (c *Conn) CloseWrite() error {
	if !c.out.closeWrite() {
		return c.wrap("close", net.ErrClosed)
	}
	return nil
}

// Reset drops the connection as an RST does: reads and writes of the other
// end fail with ECONNRESET, and bytes on their way are lost. This end is closed.
func (c *Conn) Reset() {
	c.in.hush()         // first: who learns of the reset at the other end may answer
	c.out.cut(errReset) // before this end: who reads here may close it when that fails
	c.in.cut(net.ErrClosed)
	c.in.closeRead()
	c.out.closeWrite()
}

// LocalAddr returns this end's address, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other end's address, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines. The zero time takes them away.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setLimit(&c.in.rlimit, t)
	c.out.setLimit(&c.out.wlimit, t)
	return nil
}

// SetReadDeadline makes reads fail from t on, a Read that waits too. It fails
// after Close.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !c.in.setReadLimit(t) {
		return c.wrap("set", net.ErrClosed)
	}
	return nil
}

// SetWriteDeadline makes writes fail from t on, a Write that waits too.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setLimit(&c.out.wlimit, t)
	return nil
}

func (c *Conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err // package net leaves these two bare as well
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}
