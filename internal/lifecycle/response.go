package lifecycle

// Passes reports whether a writer lets a call pass that writes. detached: it is
// Detach's. outside: it stands outside of the one at which the handler's calls end
// since an exit or abort. After one those of the handler do not pass; what stands
// outside may write what it holds, and the exit's response, but not before there is
// one.
func (s State) Passes(detached, outside bool) bool {
	switch {
	case s.Replaced():
		return outside && s.HasAny(Committed|Stands|Answered)
	case s.Decided():
		return !detached
	}
	return true
}

// Commit is the move of a status that goes out, unless an ending that replaces it
// came first. coded: a Content-Encoding was set inside. outside: see [State.Passes],
// for the request's own writer.
func (s State) Commit(status int, coded, outside bool) (next State, ok bool) {
	switch {
	case s.HasAny(Committed), !s.PassesFilters(status), s.Winner() == Aborted,
		s.Winner() == Exited && s.HasAny(Dropping), !s.Passes(false, outside):
		return s, false
	}
	if coded {
		s |= Coded
	}
	return s.commit(), true
}

// commit: what goes out to a client that is gone was for nobody.
func (s State) commit() State {
	if s.HasAny(ClientGone) {
		s |= Unsent
	}
	return s | Committed
}

// Render begins the exit's page, which is written once, and only where no header is
// out.
func (s State) Render() (next State, ok bool) {
	if s.HasAny(Committed | Hijacked | Rendered) {
		return s, false
	}
	return s | Rendered, true
}

// CommitPage says that the status of the exit's page goes out.
func (s State) CommitPage() State { return s.commit() }

// Drop says that the request ends without a byte.
func (s State) Drop() State { return s | Dropping }

// CommitDrop says that the status of what is dropped goes out, where nothing can be
// cut.
func (s State) CommitDrop() State { return s | Committed }

// Dropped reports whether the ending is one that has no response.
func (s State) Dropped() bool {
	return s.Winner() == Aborted || s.Winner() == Exited && s.HasAny(Dropping)
}

// FailsClosed reports whether the response must not go out, since a HeaderFilter
// that was to see it has panicked.
func (s State) FailsClosed() bool { return s.HasAny(Unfiltered) && !s.HasAny(Committed) }

// AddFilter says that there is a HeaderFilter to run before the commit.
func (s State) AddFilter() State { return s | HasFilters }

// Filter says that a HeaderFilter begins.
func (s State) Filter() State { return s | Filtering }

// Filtered says that no HeaderFilter runs any more. whole: none has panicked. If
// one has, the response that it was to see must not go out without it.
func (s State) Filtered(whole bool) State {
	if !whole {
		s |= Unfiltered
	}
	return s &^ Filtering
}

// Hijack says that the connection is the handler's.
func (s State) Hijack() State { return s | Hijacked }

// AnswersExit reports whether there is an exit that has a response.
func (s State) AnswersExit() bool { return s.Winner() == Exited && !s.HasAny(Dropping) }

// taken are the facts that leave no room for an exit's response.
const taken = Committed | Hijacked | Rendered | Answered

// Hold is the move of a write that an exit with code refuses, where a compressor
// writes what it has held back. said is the status that has come to that writer, 0
// for none. After Exit(200) it is the response, and stands, as it would if some of it
// had passed before.
func (s State) Hold(code, said int) (next State, ok bool) {
	if !s.AnswersExit() || code != 200 || said != 0 || s.HasAny(taken) {
		return s, false
	}
	return s | Stands, true
}

// AnswerResult is what a layer is to do for an exit, or for an abort.
type AnswerResult uint8

// The results of [State.Answer].
const (
	AnswerNot      AnswerResult = iota
	AnswerRecords               // have the code recorded by what stands around, and leave the response to others
	AnswerDropped               // have the code recorded, which is all that there is
	AnswerResponds              // give the exit's response
)

// Answer is the move of the innermost layer that can still answer, which is done
// once. begun: something has been said behind it, which would come first. late: under
// Detach the serving goroutine has been told of the ending, and answers. givesUp: an
// http.TimeoutHandler stands around, which throws away what it was given; what stands
// around that answers.
func (s State) Answer(begun, late, givesUp bool) (next State, result AnswerResult) {
	switch {
	case !s.Replaced(), begun, s.HasAny(Stands):
		return s, AnswerNot
	case late, givesUp && !s.HasAny(taken):
		return s, AnswerRecords
	case s.HasAny(taken):
		return s, AnswerNot
	case s.Dropped():
		return s | Answered, AnswerDropped
	}
	return s | Answered, AnswerResponds
}

// Wake is the move of who tells the serving goroutine, under Detach, that the ending
// is decided. held: the response is on its way through a layer inside of Detach,
// whose handler is still at work, and its return wakes. It is done once.
func (s State) Wake(held bool) (next State, first bool) {
	if held && s.HasAny(Answered) || s.HasAny(Woken) {
		return s, false
	}
	return s | Woken, true
}
