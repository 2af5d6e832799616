package request

// A request's state is one word, drawn in docs/lifecycle.md. Its lowest bits
// say which ending won; the others are facts. Every move is one function, named
// for what happens (returnedMove, exitMove, sentMove ...; drain is the one of a
// handler that is back with all that it started), runs under Request.mu and says
// whether it won; reading the word needs no lock. But for filtering and special
// nothing becomes untrue again, and but for a HeaderFilter's exit, which takes
// the place of the response that it was shown, no winner is replaced.
const (
	serving  uint32 = iota // no ending yet
	returned               // the handler and its threads returned, or panicked
	exited                 // Exit, Throw, a Phase's or a HeaderFilter's code
	aborted                // the client left, and no callback decides
	sent                   // eof.Send

	winnerMask uint32 = 7

	committed  uint32 = 1 << (iota - 2) // the final status is on its way, or will be by the next byte
	hijacked                            // the connection belongs to the handler
	gone                                // the client left; whether that is the ending is the callback's to say
	rendered                            // the exit's page is, or is being, written
	dropping                            // the connection, or stream, is being cut
	filtering                           // a HeaderFilter runs
	back                                // the handler is
	quiet                               // no goroutine of the request is left that may begin another
	ended                               // ServeHTTP of the outermost handler is over: the writer is net/http's again
	done                                // handler, threads and callback have returned
	special                             // the next commit has more to do than to note the status
	woken                               // under Detach, the serving goroutine has been told of the ending
	stands                              // the exit has left the response as it is
	answered                            // the exit's response, or the recorded code, is on its way through a layer
	coded                               // a Content-Encoding was set inside
	unsent                              // the client was gone when the header would have gone out
	unfiltered                          // a HeaderFilter has panicked before the header was out
)

func (r *Request) is(bits uint32) bool { return r.state.Load()&bits != 0 }
func (r *Request) winner() uint32      { return r.state.Load() & winnerMask }

// decideLocked makes w the request's one ending.
func (r *Request) decideLocked(w uint32) bool { return r.decideAndMarkLocked(w, 0) }

// decideAndMarkLocked is decideLocked, and notes facts whether w wins or not.
func (r *Request) decideAndMarkLocked(w, bits uint32) (won bool) {
	s := r.state.Load()
	if won = s&winnerMask == serving && s&ended == 0; won {
		s |= w
	}
	r.state.Store(s | bits)
	return won
}

// markLocked notes facts; it reports whether any of them is new.
func (r *Request) markLocked(bits uint32) bool {
	s := r.state.Load()
	r.state.Store(s | bits)
	return s&bits != bits
}

// mark is markLocked for callers that do not hold mu.
func (r *Request) mark(bits uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.markLocked(bits)
}

// returnedMove: the handler is back, though not everything that it started may
// be: it panicked, or runs behind a handler that did not wait for it. The other
// way to that ending is drain.
func (r *Request) returnedMove() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.decideLocked(returned)
}

// commitMove: status goes out, unless an ending that replaces it came first.
func (r *Request) commitMove(status int, isCoded bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	if w := s & winnerMask; s&committed != 0 || !passesFilters(s, status) || w == aborted || w == exited && (s&dropping != 0 || !r.passesLocked(&r.w)) {
		return false
	}
	if isCoded {
		s |= coded
	}
	if s&gone != 0 {
		s |= unsent
	}
	r.state.Store((s | committed) &^ special)
	r.w.status = int16(status)
	return true
}
