//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package peer

// watches says that this system has no watcher of sockets.
const watches = false

// hasSocket knows of no socket here.
func (c *Conn) hasSocket() bool { return false }

// askSocket knows of no socket here.
func (c *Conn) askSocket() State { return Unknown }

// register has nothing to register with.
func (c *Conn) register() bool { return false }

// unreadSocket knows of no socket here.
func (c *Conn) unreadSocket() (n int, ok bool) { return 0, false }

// Kept is a second descriptor; this system has no use for one.
type Kept struct{}

// Keep knows of no socket here.
func (c *Conn) Keep() (k Kept, ok bool) { return k, false }

// State knows of no socket here.
func (Kept) State() State { return Unknown }

// Close closes nothing.
func (Kept) Close() {}
