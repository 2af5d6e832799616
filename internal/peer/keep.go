//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package peer

import "golang.org/x/sys/unix"

// Kept is a second descriptor of a connection's socket. As long as it is open, a
// Close of the connection does not reach the peer, and the socket still tells
// whether the peer had left before. So it has to be closed right after.
type Kept struct{ fd int }

// Keep gives a second descriptor of the socket of c, false if there is none to be
// had.
func (c *Conn) Keep() (k Kept, ok bool) {
	err := c.control(func(fd uintptr) {
		var err error
		k.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		ok = err == nil
	})
	return k, ok && err == nil
}

// State asks the socket.
func (k Kept) State() State { return poll(k.fd) }

// Close closes the descriptor. It must be called once.
func (k Kept) Close() { unix.Close(k.fd) }
