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

// Kept is a second descriptor; this system has no use for one.
type Kept struct{}

// Keep knows of no socket here.
func (c *Conn) Keep() (k Kept, ok bool) { return k, false }

// State knows of no socket here.
func (Kept) State() State { return Unknown }

// Close closes nothing.
func (Kept) Close() {}
