package request

import (
	"net"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// inside serves next as a lastbyte middleware inside another one. A Throw of
// next is over here: what stands outside sees it return.
func (r *Request) inside(next http.Handler, w http.ResponseWriter, req *http.Request) {
	around := r.direct(w)
	if around == nil {
		r.insideLayer(next, w, req)
		return
	}
	around.renewEntry()
	if r.catch(next, w, req) == usercall.ByGoexit {
		usercall.PanicNil()
	}
}

// insideLayer is inside where something that is not lastbyte's stands between the two.
func (r *Request) insideLayer(next http.Handler, w http.ResponseWriter, req *http.Request) {
	l := &layer{req: r, stood: header.OfBody(w.Header())}
	l.w.wrapped, l.w.front = w, l
	l.givesUp = r.mayGiveUp(w)
	r.openMove(l)
	defer r.closeMove(l)
	if r.catch(next, l.w.view(), req) == usercall.ByGoexit {
		usercall.PanicNil()
	}
	l.answerAtReturn()
}

// catch is Catch for a handler, with next to nothing on the stack.
func (r *Request) catch(next http.Handler, w http.ResponseWriter, req *http.Request) (how usercall.How) {
	returned := false
	defer func() {
		if !returned {
			how = r.left(recover()).Pass()
		}
	}()
	next.ServeHTTP(w, req)
	returned = true
	return usercall.ByReturn
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

// A layer is the front of its Writer: it sees what its handler does, and what it
// lets pass comes, by way of the ResponseWriter below, to the Writer of the lastbyte
// middleware around it.

func (l *layer) request() *Request { return l.req }

func (l *layer) headerMap() http.Header {
	if !l.w.gate.Enter() {
		return make(http.Header)
	}
	defer l.leave()
	return l.w.wrapped.Header()
}

func (l *layer) beforeStatus(status int) bool {
	if l.req.isInformational(status) || status < 100 || status > 999 {
		return l.refused() == nil
	}
	return l.begin(status) == nil
}

func (l *layer) beforeWrite(int) error { return l.begin(http.StatusOK) }

func (l *layer) afterWrite(_ int64, err error) error { return err }

func (l *layer) refused() error { return l.req.refusedAt(&l.w) }

func (l *layer) lost(int) {}

func (l *layer) begun() bool { return l.started.Load() }

func (l *layer) leave() { l.w.gate.Leave(l.req) }

// The request's own Writer, or Detach's, is told as well.
func (l *layer) hijackedMove(net.Conn)                           {}
func (l *layer) noteDeadline(time.Time, func(*extra) *time.Time) {}

// begin is called inside the gate of a layer that is not Detach's before the
// final status passes.
func (l *layer) begin(status int) error {
	w, r := &l.w, l.req
	if err := l.refused(); err != nil && !r.heldMove(w, status, w.wrapped.Header(), w.stood()) {
		r.answerNow(w)
		return err
	}
	if l.begun() {
		return nil
	}
	coded := header.Encoded(w.wrapped.Header(), w.stood())
	r.mu.Lock()
	passes := r.passesLocked(w)
	if passes {
		l.startLocked(status, coded)
	}
	r.mu.Unlock()
	if !passes {
		return l.refused() // an ending has come in between
	}
	return nil
}

func (l *layer) startLocked(status int, coded bool) {
	l.w.status, l.coded = int16(status), coded
	l.started.Store(true)
}
