package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// respond does what the ending asks for, on the serving goroutine, when nobody
// else writes.
func (r *Request) respond(panicked bool) (stop bool) {
	s := r.state.Load()
	if s&lifecycle.Hijacked != 0 {
		return false
	}
	if r.overtaken() {
		r.recordOvertaken()
		return false
	}
	switch s.Winner() {
	case lifecycle.Exited:
		switch {
		case s&lifecycle.Dropping != 0:
			return r.drop(r.Exited().Code)
		case s&lifecycle.Stands == 0:
			r.render(panicked)
			return !panicked && r.failClosed()
		}
	case lifecycle.Aborted:
		return r.drop(lifecycle.ClientClosed)
	}
	if panicked {
		return false
	}
	if s&(lifecycle.Committed|lifecycle.HasFilters) == lifecycle.HasFilters && s&lifecycle.Unfiltered == 0 {
		if r.commitSilence() != nil {
			return r.respond(false) // a HeaderFilter exited
		}
	}
	if s.FailsClosed() {
		return r.failClosed()
	}
	r.implicit()
	return r.cutShort()
}

// commitSilence says the status 200 for a handler that has said nothing, so that the
// HeaderFilters see it.
func (r *Request) commitSilence() error {
	if !r.w.gate.Enter() {
		return r.refusal()
	}
	defer r.leave()
	return r.beforeWrite(0)
}

// respondEarly gives the response of an exit ahead of threads that are at work, when the
// handler and all around it up to the outermost middleware have returned.
func (r *Request) respondEarly() {
	s := r.state.Load()
	if s.AnswersExit() && !s.HasAny(lifecycle.Stands|lifecycle.Hijacked) && !r.overtaken() {
		r.render(true)
	}
}

// recordOvertaken notes the status of a request whose response is out, without it.
func (r *Request) recordOvertaken() {
	e := r.Exited()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch w := r.winner(); {
	case r.hasAny(lifecycle.Committed):
	case w == lifecycle.Exited:
		r.w.status = int16(max(e.Code, 0))
	case w == lifecycle.Aborted:
		r.w.status = lifecycle.ClientClosed
	default:
		r.w.status = http.StatusOK
	}
}

// failClosed drops a response that a HeaderFilter has not seen, since it panicked
// and somebody has recovered that, or under Send nobody could pass it on.
func (r *Request) failClosed() (stop bool) {
	if !r.state.Load().FailsClosed() {
		return false
	}
	return r.drop(http.StatusInternalServerError)
}

// implicit notes the 200 that net/http sends for a handler that said nothing.
func (r *Request) implicit() {
	if r.hasAny(lifecycle.Committed) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.hasAny(lifecycle.Committed) {
		r.w.status = http.StatusOK
	}
}
