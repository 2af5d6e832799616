package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/header"
)

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
	l.givesUp = r.mayGiveUp(w)
	r.openMove(l)
	defer r.closeMove(l)
	view := l.w.view()
	r.Catch(func() { next.ServeHTTP(view, req) })
	l.answerAtReturn()
}

// openMove makes l the innermost layer.
func (r *Request) openMove(l *layer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.outer = r.topLocked()
	r.rareLocked().top = &l.w
}

// closeMove: the handler of l has returned, or a panic passes.
func (r *Request) closeMove(l *layer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare.top == &l.w {
		r.rare.top = l.outer
	}
}

// answerAtReturn: the handler inside l has returned, or was left by a Throw.
func (l *layer) answerAtReturn() {
	r := l.req
	if !r.state.Load().Replaced() {
		return
	}
	l.w.gate.Close(r, nil)
	r.answer(&l.w, false)
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
