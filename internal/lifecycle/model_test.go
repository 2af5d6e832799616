package lifecycle_test

import "github.com/lastbyte-go/lastbyte/internal/lifecycle"

// world is a request as its moves see it: the state, and what internal/request
// knows besides. It is a key of a map.
type world struct {
	s        lifecycle.State
	detached bool

	returned   bool  // the handler has, or has panicked
	goroutines int8  // threads, and the callback
	callback   int8  // none, registered, begun
	code       int16 // of the exit that is recorded; 0: none
	said       int16 // the status that the handler has said; 0: none
	page       int8  // not begun, being written, out
}

// step is a world after one move.
type step struct {
	move string
	world
}

// codes has one exit of each class, and the one that a compressor's response holds
// against.
var codes = []int16{444, 200, 503}

// after gives all other worlds that can come next. Each move is made wherever internal/request
// makes it: what the state itself refuses is not ruled out here.
func (w world) after() (steps []step) {
	add := func(move string, next world) {
		if next != w {
			steps = append(steps, step{move, next})
		}
	}
	w.endings(add)
	w.handlers(add)
	if !w.s.HasAny(lifecycle.Ended) { // behind the gate of the writer, which is shut then
		w.writes(add)
		w.responds(add)
		w.filters(add)
	}
	return steps
}

// endings are the moves that anybody may make at any time, also when all is over.
func (w world) endings(add func(string, world)) {
	for _, code := range codes {
		next, result := w.s.Exit(int(code), int(w.said), w.code != 0)
		w.exited(add, "Exit", code, next, result)
	}
	for _, code := range []int16{444, 503} { // a Timeout's is from 400 on
		next, result := w.s.Expire(int(code))
		w.exited(add, "Expire", code, next, result)
	}
	failed, came := w.s.Fail(500)
	w.exited(add, "Fail", 500, failed, came)
	next, result := w.s.Abort(w.callback == 1, w.goroutines == 0)
	n := w
	n.s = next
	if result == lifecycle.AbortCalls {
		n.callback, n.goroutines = 2, n.goroutines+1
	}
	add("Abort", n)
	if result != lifecycle.AbortLate { // and begins a function of abort.AfterFunc
		n.goroutines++
		add("Abort with AfterFunc", n)
	}
	if n = w; w.s.MayLearn() && w.s.HasAny(lifecycle.ClientGone) {
		n.goroutines++
		add("AfterFunc", n)
	}
	n = w
	n.s, _ = w.s.Send(w.detached)
	add("Send", n)
	if w.s.MayRegister() && w.callback == 0 {
		n = w
		if n.callback = 1; w.s.HasAny(lifecycle.ClientGone) {
			n.callback, n.goroutines = 2, n.goroutines+1
		}
		add("On", n)
	}
}

func (w world) exited(add func(string, world), move string, code int16, next lifecycle.State, result lifecycle.ExitResult) {
	w.s = next
	if result.Won() || result == lifecycle.ExitNoted {
		w.code = code
	}
	add(move, w)
}

// handlers are the moves of a handler that returns, and of what ends after it.
func (w world) handlers(add func(string, world)) {
	n := w
	if w.goroutines > 0 {
		n.goroutines--
		add("a goroutine ends", n)
	} else if !w.s.HasAny(lifecycle.Drained) {
		n.goroutines++
		add("Spawn", n)
	}
	n = w
	if n.returned = true; !w.returned {
		n.s = w.s.NoteReturned()
		add("NoteReturned", n)
		if w.detached { // a panic
			n.s, _ = w.s.Return()
			add("Return", n)
		}
	}
	if w.returned && w.goroutines == 0 {
		n.s, _ = w.s.Drain()
		add("Drain", n)
		if w.detached && n.s.HasAny(lifecycle.Woken) {
			n.s = n.s.Finish()
			add("Finish", n)
		}
	}
	n = w
	if w.detached && w.s.Decided() && (w.returned || w.s.Winner() != lifecycle.Aborted) {
		for _, held := range []bool{false, true} {
			n.s, _ = w.s.Wake(held)
			add("Wake", n)
		}
	}
	switch ahead, _ := w.s.Return(); {
	case w.s.HasAny(lifecycle.Ended | lifecycle.Filtering):
	case w.page == 1: // inside the gate
	case w.detached: // also ahead of a handler that nobody waits for
		n.s = ahead.End(true)
		add("End", n)
	case w.s.HasAny(lifecycle.Drained):
		n.s = w.s.End(false)
		add("End", n)
	}
}

// writes are the moves of calls of the handler's ResponseWriter.
func (w world) writes(add func(string, world)) {
	for _, status := range []int16{200, 503} {
		for _, outside := range []bool{false, true} {
			n, ok := w, false
			if n.s, ok = w.s.Commit(int(status), outside, outside); ok {
				n.said = status
				add("Commit", n)
			}
		}
		if n := w; w.s.Passes(w.detached, false) && w.said == 0 && !w.s.HasAny(lifecycle.Committed) {
			n.said = status // to a layer
			add("the status is said", n)
		}
	}
	if n := w; !w.s.HasAny(lifecycle.Hijacked|lifecycle.Filtering) && (!w.s.Decided() || w.s.Winner() == lifecycle.Aborted) {
		n.s = w.s.Hijack()
		add("Hijack", n)
	}
	if n := w; w.code != 0 {
		n.s, _ = w.s.Hold(int(w.code), int(w.said))
		add("Hold", n)
	}
	for i := range 8 {
		n := w
		n.s, _ = w.s.Answer(i&1 != 0, i&2 != 0 && w.s.HasAny(lifecycle.Woken), i&4 != 0)
		add("Answer", n)
	}
}

// responds are the moves of the response that an ending asks for.
func (w world) responds(add func(string, world)) {
	n, ok := w, false
	if w.s.AnswersExit() && !w.s.HasAny(lifecycle.Stands) {
		if n.s, ok = w.s.Render(); ok {
			n.page = 1
			add("Render", n)
		}
	}
	if n = w; w.page == 1 && !w.s.HasAny(lifecycle.Filtering) {
		if n.page = 2; w.s.PassesFilters(int(w.code)) {
			n.s = w.s.CommitPage()
		}
		add("CommitPage", n)
	}
	if n = w; w.page != 1 && (w.s.Dropped() || w.s.FailsClosed() && w.s.Decided()) { // nobody else is at the writer
		n.s = w.s.Drop()
		add("Drop", n)
		if !w.s.HasAny(lifecycle.Committed | lifecycle.Hijacked) {
			n.s = n.s.CommitDrop()
			add("CommitDrop", n)
		}
	}
}

// filters are the moves of HeaderFilters, which run before the header goes out.
func (w world) filters(add func(string, world)) {
	n := w
	if w.s.HasAny(lifecycle.HasFilters) && !w.s.HasAny(lifecycle.Committed) {
		n.s = w.s.Filter()
		add("Filter", n)
	}
	if !w.s.HasAny(lifecycle.Filtering) {
		return
	}
	for _, whole := range []bool{false, true} {
		n = w
		n.s = w.s.Filtered(whole)
		add("Filtered", n)
	}
	for _, code := range codes {
		next, result := w.s.ExitByFilter(int(code), w.code != 0)
		w.exited(add, "ExitByFilter", code, next, result)
	}
}
