package request

import (
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// stateWord holds the state of a request. Reading it needs no lock; it is stored
// under Request.mu, so that a move starts from the state that the last move left.
type stateWord struct{ word atomic.Uint32 }

func (w *stateWord) Load() lifecycle.State   { return lifecycle.State(w.word.Load()) }
func (w *stateWord) Store(s lifecycle.State) { w.word.Store(uint32(s)) }

func (r *Request) hasAny(facts lifecycle.State) bool { return r.state.Load().HasAny(facts) }
func (r *Request) winner() lifecycle.State           { return r.state.Load().Winner() }

// Decided reports whether the request has its ending.
func (r *Request) Decided() bool { return r.state.Load().Decided() }

// markLocked notes facts; it reports whether any of them is new.
func (r *Request) markLocked(facts lifecycle.State) bool {
	s := r.state.Load()
	r.state.Store(s | facts)
	return s&facts != facts
}

// mark is markLocked for callers that do not hold mu.
func (r *Request) mark(facts lifecycle.State) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.markLocked(facts)
}

// returnMove: see [lifecycle.State.Return].
func (r *Request) returnMove() (won bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, won := r.state.Load().Return()
	r.state.Store(next)
	return won
}

// commitMove: status goes out, unless an ending that replaces it came first.
func (r *Request) commitMove(status int, encoded bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	if w := s.Winner(); s&lifecycle.Committed != 0 || !s.PassesFilters(status) || w == lifecycle.Aborted || w == lifecycle.Exited && (s&lifecycle.Dropping != 0 || !r.passesLocked(&r.w)) {
		return false
	}
	if encoded {
		s |= lifecycle.Coded
	}
	if s&lifecycle.ClientGone != 0 {
		s |= lifecycle.Unsent
	}
	r.state.Store(s | lifecycle.Committed)
	r.w.status = int16(status)
	return true
}
