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

// Replaced reports whether the request has an ending that takes the place of what its
// handlers would do: an exit, or an abort.
func (r *Request) Replaced() bool { return r.state.Load().Replaced() }

// returnMove: see [lifecycle.State.Return].
func (r *Request) returnMove() (won bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, won := r.state.Load().Return()
	r.state.Store(next)
	return won
}

// A note is what the body, the writer or a witness of a request has met. It is no
// state: no move depends on it, and it may come at any time, also after the end.
// Notes are set once and stay; each is one atomic step, without a lock. They are
// kept in the request's own Node, which has room for them.
type note = uint32

const (
	bodyRead         note = 1 << iota // the request body was read to its end
	flushed                           // the header is out for sure
	headerTaken                       // a handler has had the header map of the request's own Writer
	noReuse                           // a read of the body was interrupted, or the response cut: the connection must not serve another request
	deadlinePassed                    // one of the server's that net/http takes for the client's end
	writeTimedOut                     // a Write over HTTP/1 has failed by a deadline; nothing more gets out
	recheckAfterCall                  // the outer context ended in the middle of a read or write, whose error will say why
	closeNotifyTaken                  // a handler has the channel of CloseNotify
	parentEndedEarly                  // net/http's context had ended before the request began
)

// note sets n, and reports whether it is new.
func (r *Request) note(n note) (first bool) { return r.node.Notes.Or(n)&n == 0 }

// noted reports whether any of the notes in n is set.
func (r *Request) noted(n note) bool { return r.node.Notes.Load()&n != 0 }
