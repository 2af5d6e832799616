//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package peer

// ask knows of no socket here.
func (c *Conn) ask() State { return Unknown }

// HasSocket: this system has no watcher, so there is no socket to miss.
func (c *Conn) HasSocket() bool { return true }

// register has nothing to register with.
func (c *Conn) register() bool { return false }

// Unread knows of no socket here.
func (c *Conn) Unread() int { return 0 }
