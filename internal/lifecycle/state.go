// Package lifecycle is the state machine of a request, which docs/lifecycle.md
// draws. A [State] is a plain value. Each move is a method, named for what happens:
// it gives the state after the move and says what came of it. No move waits, calls
// anything or knows of a lock: the request in internal/request makes its moves under
// its mutex, stores the state, and does what the result asks for.
//
// The package imports nothing of the module, so that one test can make every move in
// every order.
package lifecycle

import "strings"

// State is the state of one request. Its lowest bits say which ending won; the
// others are facts. A move that is not legal leaves the state as it is. But for
// Filtering no fact becomes untrue again.
type State uint32

// The winners. Serving: there is no ending yet.
const (
	Serving  State = iota
	Returned       // the handler and its threads returned, or it panicked
	Exited         // Exit, Throw, a Phase's or a HeaderFilter's code, a Timeout
	Aborted        // the client left, and no callback decides
	Sent           // eof.Send
)

const winnerMask State = 7

// The facts.
const (
	Committed       State = 1 << (iota + 3) // the final status is on its way, or will be by the next byte
	Hijacked                                // the connection belongs to the handler
	ClientGone                              // the client left; whether that is the ending is the callback's to say
	Rendered                                // the exit's page is, or is being, written
	Dropping                                // the connection, or stream, is being cut
	HasFilters                              // the commit has HeaderFilters to run first
	Filtering                               // a HeaderFilter runs
	Unfiltered                              // a HeaderFilter has panicked before the header was out
	HandlerReturned                         // the handler has returned
	Drained                                 // no goroutine of the request is left, and none may begin
	Ended                                   // ServeHTTP of the outermost handler is over: the writer is net/http's again
	Done                                    // handler, threads and callback have returned
	Woken                                   // under Detach, the serving goroutine has been told of the ending
	Stands                                  // the exit has left the response as it is
	Answered                                // the exit's response, or the recorded code, is on its way through a layer
	Coded                                   // a Content-Encoding was set inside
	Unsent                                  // the client was gone when the header would have gone out
	TimedOut                                // the exit is a Timeout's
)

// names has the name of each winner, and then of each fact from the lowest bit up.
var (
	winners = [...]string{"serving", "returned", "exited", "aborted", "sent"}
	facts   = [...]string{
		"committed", "hijacked", "clientGone", "rendered", "dropping", "hasFilters", "filtering", "unfiltered",
		"handlerReturned", "drained", "ended", "done", "woken", "stands", "answered", "coded", "unsent", "timedOut",
	}
)

// String names the winner and the facts, as "exited|committed|ended".
func (s State) String() string {
	var b strings.Builder
	if w := s.Winner(); int(w) < len(winners) {
		b.WriteString(winners[w])
	} else {
		b.WriteString("no winner")
	}
	for i, name := range facts {
		if s.HasAny(Committed << i) {
			b.WriteString("|" + name)
		}
	}
	return b.String()
}

// Winner is the ending that won; Serving: none has.
func (s State) Winner() State { return s & winnerMask }

// Decided reports whether there is an ending.
func (s State) Decided() bool { return s.Winner() != Serving }

// HasAny reports whether any of the facts holds.
func (s State) HasAny(facts State) bool { return s&facts != 0 }

// Replaced reports whether the ending takes the place of what the handler writes:
// an exit has a response of its own, and an abort has none.
func (s State) Replaced() bool {
	w := s.Winner()
	return w == Exited || w == Aborted
}

// PassesFilters reports whether a status may go out as far as HeaderFilters are
// concerned: after a panic of one, only that of an error of the server, such as a
// recoverer's.
func (s State) PassesFilters(status int) bool { return !s.HasAny(Unfiltered) || status >= 500 }
