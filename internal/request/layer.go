package request

import (
	"net/http"
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// layer is a lastbyte middleware inside another one, if a ResponseWriter that is
// not lastbyte's stands between the two: a compressor's, a logger's. It has a
// Writer of its own, so that what comes from its handler is told from what comes
// from in between.
//
// An exit's response goes out through the innermost layer that the handler
// returns to, and so through all that stands outside of it. Where nothing stands
// between two lastbyte middlewares, the inner one needs no layer. Detach always
// is one.
type layer struct {
	w     Writer
	req   *Request
	outer *Writer // of the lastbyte middleware around this one; set before the handler runs

	stood   http.Header // what described a body when the handler's part began, see header.OfBody. The pointer is under Request.mu
	started atomic.Bool // the status was said
	coded   bool        // a Content-Encoding was set inside. Under Request.mu
}

// view is one of lastbyte's own ResponseWriters.
type view interface{ writer() *Writer }

// direct gives the Writer that w is a view of, nil if anything else stands
// between the two.
func (r *Request) direct(w http.ResponseWriter) *Writer {
	if v, ok := w.(view); ok && v.writer().front.request() == r {
		return v.writer()
	}
	return nil
}

// inside serves next as a lastbyte middleware inside another one. A Throw of
// next is over here: what stands outside sees it return.
func (r *Request) inside(next http.Handler, w http.ResponseWriter, req *http.Request) {
	if around := r.direct(w); around != nil {
		around.renewEntry()
		r.Catch(func() { next.ServeHTTP(w, req) })
		return
	}
	l := &layer{req: r, stood: header.OfBody(w.Header())}
	l.w.wrapped, l.w.front = w, l
	r.openMove(l)
	defer r.closeMove(l)
	view := l.w.view()
	r.Catch(func() { next.ServeHTTP(view, req) })
	l.back()
}

// openMove makes l the innermost layer.
func (r *Request) openMove(l *layer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.outer = r.topLocked()
	r.rareLocked().top = &l.w
}

// closeMove: the handler of l is back, or a panic passes.
func (r *Request) closeMove(l *layer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare.top == &l.w {
		r.rare.top = l.outer
	}
}

// topLocked is the Writer of the innermost lastbyte middleware at work.
func (r *Request) topLocked() *Writer {
	if x := r.rare; x != nil && x.top != nil {
		return x.top
	}
	if d := r.det.Load(); d != nil {
		return &d.w
	}
	return &r.w
}

// inside reports whether w stands strictly inside o.
func (w *Writer) inside(o *Writer) bool {
	for l := w.layer(); l != nil; l = l.outer.layer() {
		if l.outer == o {
			return true
		}
	}
	return false
}

// back: the handler inside l has returned, or left by a Throw.
func (l *layer) back() {
	r := l.req
	if w := r.winner(); w != lifecycle.Exited && w != lifecycle.Aborted {
		return
	}
	l.w.gate.Close(r, nil)
	r.answer(&l.w, false)
}

// passes reports whether w lets calls pass that write. After an exit, or an abort
// that is the ending, those of the handler do not: they come to the innermost
// layer. What stands outside of that may write what it holds, and the exit's
// response; but not before there is one.
func (r *Request) passes(w *Writer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passesLocked(w)
}

func (r *Request) passesLocked(w *Writer) bool {
	return r.state.Load().Passes(w.det() != nil, r.outsideLocked(w))
}

// outsideLocked reports whether w stands outside of the Writer at which the handler's
// calls end since an exit or abort, or none ends there.
func (r *Request) outsideLocked(w *Writer) bool {
	x := r.rare
	return x != nil && (x.open || x.last != nil && x.last.inside(w))
}

// answerNow answers for an exit in the middle of a write that was refused. The
// response is for the handler's next write or its return, whichever comes first.
func (r *Request) answerNow(w *Writer) {
	if r.endsAt(w) {
		r.answer(w, true)
	}
}

// heldMove is called in the middle of a write at w that an exit refuses; h is the
// header map of whoever writes, and entry what stood in it. After Exit(200), if no
// status had come to w by then, and with the mark of a compressor in h, what is
// written is a response that the compressor has held back: it stands, as it would
// if some of it had passed before. A status from 500 on is what a recoverer answers
// to a Throw, and no compressor's: the exit stands.
func (r *Request) heldMove(w *Writer, status int, h, entry http.Header) bool {
	if status >= 500 || !r.endsAt(w) || !header.VariesByEncoding(h, entry) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next, ok := r.state.Load().Hold(r.rare.exit.Code, w.saidLocked())
	r.state.Store(next)
	r.rare.open = r.rare.open || ok
	return ok
}

// endsAt reports whether there is an exit with a response, and the handler's
// calls end at w.
func (r *Request) endsAt(w *Writer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Load().AnswersExit() && r.rare.last == w
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
		_, _ = w.wrapped.Write(body) // nobody is left to hear of an error
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
		begun = begun || l.begun()
		givesUp = givesUp || r.mayGiveUp(l.w.wrapped)
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

// beginMove: d begins, around the handlers from here on.
func (r *Request) beginMove(d *Detached) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d.outer = &r.w
	if x := r.rare; x != nil && x.top != nil {
		d.outer, x.top = x.top, &d.w
	}
}
