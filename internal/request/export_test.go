package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// StateOf is the state of r.
func StateOf(r *Request) lifecycle.State { return r.state.Load() }

// LeftFirst asks c how the client left.
func LeftFirst(c *Conn) peer.State { return c.leftFirst() }

// Note has the end of c noted, as a stream does that somebody waits for.
func Note(c *Conn) { c.note() }

// StateChanged is net/http's word on c.
func StateChanged(c *Conn, state http.ConnState) { c.stateChanged(state) }
