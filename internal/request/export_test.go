package request

// Word is the state of r: its winner, and the facts that a move may take back.
func Word(r *Request) (state, winner, passing uint32) {
	s := r.state.Load()
	return s, s & winnerMask, winnerMask | special | filtering
}
