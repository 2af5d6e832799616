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

// returnMove: see [lifecycle.State.Return].
func (r *Request) returnMove() (won bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, won := r.state.Load().Return()
	r.state.Store(next)
	return won
}
