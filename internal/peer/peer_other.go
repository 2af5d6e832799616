//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package peer

// ask knows of no socket here.
func (c *Conn) ask() State { return Unknown }

// register has nothing to register with.
func (c *Conn) register() bool { return false }

// Unread knows of no socket here.
func (c *Conn) Unread() int { return 0 }
