package lifecycle

// decide makes w the ending, if there is none.
func (s State) decide(w State) (next State, won bool) {
	if s.Decided() {
		return s, false
	}
	return s | w, true
}

// Return is the move of a handler that has returned, though what it started may
// still run: it panicked, or what stands around it did not wait for it.
func (s State) Return() (next State, won bool) { return s.decide(Returned) }

// NoteReturned says that the handler has returned. The goroutines that are still at work
// may yet decide.
func (s State) NoteReturned() State { return s | HandlerReturned }

// Drain is the move of a handler that has returned, as has all that it started: no
// goroutine of the request is left, and none may begin.
func (s State) Drain() (next State, won bool) {
	return (s | HandlerReturned | Drained).decide(Returned)
}

// End says that ServeHTTP of the outermost handler is over. Without Detach the
// handler is, too, and all that it started.
func (s State) End(detached bool) State {
	if detached {
		return s | Ended
	}
	return s | Ended | Done
}

// Finish says that a detached handler has returned, and all that it started.
func (s State) Finish() State { return s | Done }

// ExitResult is what came of an exit.
type ExitResult uint8

// The results of [State.Exit]. The first three say that it has lost.
const (
	ExitLate   ExitResult = iota // another ending came first
	ExitSecond                   // another exit did
	ExitNoted                    // the client left first; the exit is recorded, and never acted on
	ExitDrops                    // won: the connection is to be cut
	ExitPage                     // won: the exit's response takes the place of the handler's
	ExitAgrees                   // won: the response stands as the handler has begun it, which is what the exit asks for
	ExitStands                   // won: the response stands, since the header is out
)

// Won reports whether the exit is the ending.
func (r ExitResult) Won() bool { return r >= ExitDrops }

// Exit is the move of an exit with code. said is the status that the handler has
// said, 0 before. recorded: there is an exit already, which an abort has beaten.
func (s State) Exit(code, said int, recorded bool) (next State, result ExitResult) {
	next, won := s.decide(Exited)
	class := ClassOf(code)
	switch {
	case s.Winner() == Exited:
		return s, ExitSecond
	case s.Winner() == Aborted && !recorded:
		return s, ExitNoted
	case !won:
		return s, ExitLate
	case class == Drop:
		return next | Dropping, ExitDrops
	case s.HasAny(Hijacked) && class == Bare, said != 0 && (class == Bare || code == said):
		return next | Stands, ExitAgrees
	case s.HasAny(Committed | Hijacked):
		return next | Stands, ExitStands
	}
	return next, ExitPage
}

// ExitByFilter is the move of a HeaderFilter's exit. Its response takes the place of
// the one that the filter was shown, also where that one has been decided: nothing
// of it is out yet.
func (s State) ExitByFilter(code int, recorded bool) (next State, result ExitResult) {
	if w := s.Winner(); (w == Returned || w == Sent) && !s.HasAny(Committed) {
		s &^= winnerMask
	}
	return s.Exit(code, 0, recorded)
}

// Expire is the move of a Timeout whose time is up, with the code of its exit. It wins
// over nothing: who has decided, or has hijacked the connection, is not limited.
func (s State) Expire(code int) (next State, result ExitResult) {
	if s.HasAny(Hijacked) {
		return s, ExitLate
	}
	if next, result = s.giveUp(code); result.Won() {
		next |= TimedOut
	}
	return next, result
}

// Fail is the move of a panic that is recovered, with the code of the exit that it
// becomes. A hijacked connection is cut, too: it was the handler's. Where the panic came
// out of Detach, it was the ending there, and makes room for the exit while nothing of
// the response is out.
func (s State) Fail(code int) (next State, result ExitResult) {
	if s.Winner() == Returned && !s.HasAny(Committed|Ended) {
		s &^= winnerMask
	}
	return s.giveUp(code)
}

// giveUp is an exit that gives up what the handler has begun. What was said and is not
// out makes room for the exit's response. Once the header is out there is no other
// response, and no code for which the one that has begun stands: it is cut, since half of
// a body must not look like all of it.
func (s State) giveUp(code int) (next State, result ExitResult) {
	next, won := s.decide(Exited)
	switch {
	case !won:
		return s, ExitLate
	case ClassOf(code) == Drop || s.HasAny(Committed|Hijacked):
		return next | Dropping, ExitDrops
	}
	return next, ExitPage
}

// AbortResult is what came of an abort.
type AbortResult uint8

// The results of [State.Abort].
const (
	AbortLate   AbortResult = iota // there is an ending, or the client has left before
	AbortCalls                     // the client left; what that comes to is the callback's to say
	AbortSpares                    // the client left, and the response is as its handler wanted it
	AbortWins                      // the client left, and that is the ending
)

// Abort is the move of a client that has left. callback: one is registered. alone:
// no goroutine of the request is at work, but the handler.
func (s State) Abort(callback, alone bool) (next State, result AbortResult) {
	switch {
	case s.Decided() || s.HasAny(ClientGone):
		return s, AbortLate
	case callback:
		return s | ClientGone, AbortCalls
	case s.HasAny(HandlerReturned) && s.HasAny(Committed) && alone:
		return s | ClientGone, AbortSpares
	}
	return s | ClientGone | Aborted, AbortWins
}

// The stages of a request that an abort may find, see [State.Stage].
const (
	StageRequest  = "request"
	StageHandler  = "handler"
	StageResponse = "response"
)

// Stage says how far a request is, for an abort. reading: a read of the request body
// waits, or has failed and is about to return.
func (s State) Stage(reading bool) string {
	switch {
	case reading:
		return StageRequest
	case s.HasAny(Committed | Hijacked):
		return StageResponse
	}
	return StageHandler
}

// SendResult is what came of a Send.
type SendResult uint8

// The results of [State.Send].
const (
	SendLate       SendResult = iota // another ending came first
	SendAfterExit                    // an exit did
	SendAfterAbort                   // the client has left
	SendAttached                     // there is no Detach around the handler
	SendHijacked                     // the connection is the handler's
	SendInFilter                     // a HeaderFilter runs, in the middle of a write
	SendWins
)

// Send is the move of eof.Send.
func (s State) Send(detached bool) (next State, result SendResult) {
	switch {
	case s.Winner() == Exited:
		return s, SendAfterExit
	case s.HasAny(ClientGone):
		return s, SendAfterAbort
	case s.Decided():
		return s, SendLate
	case !detached:
		return s, SendAttached
	case s.HasAny(Hijacked):
		return s, SendHijacked
	case s.HasAny(Filtering):
		return s, SendInFilter
	}
	return s | Sent, SendWins
}

// MayRegister reports whether a callback for an abort may still be registered.
func (s State) MayRegister() bool {
	return !s.HasAny(Drained) && (!s.Decided() || s.Winner() == Aborted)
}

// MayLearn reports whether a function of abort.AfterFunc may still run: the client
// may yet leave, or it has left, and the end of the request still waits for goroutines.
func (s State) MayLearn() bool {
	return !s.HasAny(Drained) && (!s.Decided() || s.HasAny(ClientGone))
}
