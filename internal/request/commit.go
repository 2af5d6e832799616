package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// commit is called inside the writer's gate before the final status goes out.
// An error says that an ending came first, whose response takes its place.
func (r *Request) commit(status int) error {
	if r.hasAny(lifecycle.Committed) {
		return r.refusedAt(&r.w)
	}
	r.judgeEarly()
	r.carryEarly(&r.pair, &r.node)
	taken := r.noted(headerTaken)
	if taken && r.winner() == lifecycle.Exited {
		r.heldMove(&r.w, status, r.w.wrapped.Header(), r.w.stood())
	}
	switch s := r.state.Load(); {
	case s.Winner() != lifecycle.Exited:
		r.filterStatus(status)
	case s.AnswersExit() && r.passes(&r.w):
		r.respondBeforeBody()
		r.filterStatus(status)
	}
	if r.hasAny(lifecycle.Hijacked) {
		return nil // net/http has its own words for it
	}
	if !r.commitMove(status, taken && r.encodes()) {
		if r.det.Load() == nil && r.endsAt(&r.w) {
			r.render(true)
		}
		return r.refusal()
	}
	if status == http.StatusRequestEntityTooLarge {
		r.tooLarge(r.w.wrapped.Header())
	}
	return nil
}

// encodes reports whether a Content-Encoding was set inside the request's own Writer. It
// is apart, since it takes space on the stack.
//
//go:noinline
func (r *Request) encodes() bool { return header.Encoded(r.w.wrapped.Header(), r.w.stood()) }

// judgeEarly judges a client that may have left, before a status that nobody may
// want goes out. Where nobody has asked and no socket can be, the response passes:
// the client may have shut down its sending side alone. The end will tell.
func (r *Request) judgeEarly() {
	if r.check() != nil && r.node.Parent().Err() != nil && (r.conn() != nil || r.node.Followed()) {
		r.outerEnded()
	}
}

// commitMove: status goes out, see [lifecycle.State.Commit].
func (r *Request) commitMove(status int, isCoded bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, ok := r.state.Load().Commit(status, isCoded, r.outsideLocked(&r.w))
	r.state.Store(next)
	if ok {
		r.w.status = int16(status)
	}
	return ok
}
