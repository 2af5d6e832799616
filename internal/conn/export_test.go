package conn

import "net/http"

// StateChanged is what net/http tells of c.
func StateChanged(c *Conn, state http.ConnState) { c.stateChanged(state) }
