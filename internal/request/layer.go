package request

import (
	"net/http"
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
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
	givesUp bool        // see mayGiveUp; set before the handler runs
}

// view is one of lastbyte's own ResponseWriters.
type view interface{ writer() *Writer }

// direct gives the Writer that w is a view of, nil if anything else stands
// between the two.
func (r *Request) direct(w http.ResponseWriter) *Writer {
	var of *Writer
	switch v := w.(type) {
	case *h1: // a comparison is quicker than to look for a method
		of = (*Writer)(v)
	case *h2:
		of = (*Writer)(v)
	case view:
		of = v.writer()
	}
	if of == nil || of.front.request() != r {
		return nil
	}
	return of
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

// passes reports whether w lets calls pass that write. After an exit, or an abort
// that is the ending, those of the handler do not: they come to the innermost
// layer. What stands outside of that may write what it holds, and the exit's
// response; but not before there is one.
func (r *Request) passes(w *Writer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passesLocked(w)
}

// refusedAt gives the error of a write at w, any of the Writers of the request, nil
// if it may pass.
func (r *Request) refusedAt(w *Writer) error {
	if r.winner() == lifecycle.Serving || r.passes(w) {
		return nil
	}
	return r.refusal()
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
	if r.winner() != lifecycle.Exited {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Load().AnswersExit() && r.rare.last == w
}

// saidLocked is the status that the handler inside w has said, 0 before.
func (w *Writer) saidLocked() int {
	if w.layer() != nil || w.front.begun() {
		return int(w.status)
	}
	return 0
}

// codedLocked reports whether a Content-Encoding was set inside w: a coder there
// may hold the end of the response.
func (w *Writer) codedLocked() bool {
	if l := w.layer(); l != nil {
		return l.coded
	}
	return w.front.request().hasAny(lifecycle.Coded)
}

// mayGiveUp reports whether an http.TimeoutHandler stands between w and the next
// of lastbyte's own writers. The methods of others' writers are not called with a
// lock held, nor once net/http may be through with them: so a layer asks as it begins.
func (r *Request) mayGiveUp(w http.ResponseWriter) bool {
	for range 64 { // in case a writer names itself
		if r.direct(w) != nil {
			return false
		}
		if nethttp.IsTimeoutWriter(w) {
			return true
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		if w = u.Unwrap(); w == nil {
			return false
		}
	}
	return false
}
