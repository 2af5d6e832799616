package conn

import "net/http"

// StateChanged is what net/http tells of c.
func StateChanged(c *Conn, state http.ConnState) { c.stateChanged(state) }

// IsLookedAt reports whether the socket of c is asked each time c is idle.
func IsLookedAt(c *Conn) bool { return c.isH2.Load() }
