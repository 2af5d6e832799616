package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// answerNow answers for an exit in the middle of a write that was refused. The
// response is for the handler's next write or its return, whichever comes first.
func (r *Request) answerNow(w *Writer) {
	if r.endsAt(w) {
		r.answer(w, true)
	}
}

// answer gives the response of an exit to the writer below a layer's, or has it
// record the code of what is dropped.
func (r *Request) answer(w *Writer, flush bool) {
	code, e, ok := r.answerMove(w)
	switch {
	case !ok, r.overtaken():
		return
	case e == nil:
		if code > 0 {
			w.wrapped.WriteHeader(code)
		}
		return
	}
	status, body := r.page(w, e)
	w.wrapped.WriteHeader(status)
	if r.in.Method != http.MethodHead && len(body) > 0 {
		_, _ = w.wrapped.Write(body) // there is nobody to whom an error could be reported
	}
	if flush {
		_ = http.NewResponseController(w.wrapped).Flush()
	}
}

// answerMove: w is the innermost layer that can still answer for an exit, or for
// an abort, and that is done once. No layer answers behind which something has
// been said: that would come first. e is nil if there is no response, but a code
// to record: also behind an http.TimeoutHandler, which gives up with a 503 of its
// own when the exit cancels the context, and throws away what it was given. The
// lastbyte middleware around it answers.
//
// Where Detach has been told of the ending, it answers, on the serving
// goroutine. The layers inside of it still have the code recorded by what stands
// between them and Detach, at whose gate that ends.
func (r *Request) answerMove(w *Writer) (code int, e *Exit, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	d := r.det.Load()
	begun, givesUp := false, false
	late := d != nil && s.HasAny(lifecycle.Woken) && w.inside(&d.w)
	for l := w.layer(); l != nil && !(late && l == &d.layer); l = l.outer.layer() {
		begun = begun || l.started.Load()
		givesUp = givesUp || l.givesUp
	}
	next, result := s.Answer(begun, late, givesUp)
	r.state.Store(next)
	if result == lifecycle.AnswerDropped || result == lifecycle.AnswerResponds {
		r.rare.last = w
	}
	if result == lifecycle.AnswerResponds {
		e = r.rare.exit
	}
	return r.endingCodeLocked(), e, result != lifecycle.AnswerNot
}

// endingCodeLocked is the code of an exit or abort that is the ending, else 0.
func (r *Request) endingCodeLocked() int {
	switch r.winner() {
	case lifecycle.Exited:
		return r.rare.exit.Code
	case lifecycle.Aborted:
		return lifecycle.ClientClosed
	}
	return 0
}

// recordMove: the code of what is dropped has come from a layer inside to the
// request's own Writer. It says so once.
func (r *Request) recordMove() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.state.Load().Dropped() || r.w.status != 0 {
		return false
	}
	r.w.status = int16(r.endingCodeLocked())
	return true
}
