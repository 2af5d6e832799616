package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// Word is the state of r: its winner, and the facts that a move may take back.
func Word(r *Request) (state, winner, passing uint32) {
	s := r.state.Load()
	return s, s & winnerMask, winnerMask | special | filtering
}

// LeftFirst asks c how the client left.
func LeftFirst(c *Conn) peer.State { return c.leftFirst() }

// Note has the end of c noted, as a stream does that somebody waits for.
func Note(c *Conn) { c.note() }

// StateChanged is net/http's word on c.
func StateChanged(c *Conn, state http.ConnState) { c.stateChanged(state) }
