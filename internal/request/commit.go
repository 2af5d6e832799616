package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// commit is called inside the writer's gate before the final status goes out.
// An error says that an ending came first, whose response takes its place.
func (r *Request) commit(status int) error {
	if r.hasAny(lifecycle.Committed) {
		return r.refused()
	}
	if r.check() != nil && r.node.Parent().Err() != nil && (r.conn() != nil || r.node.Followed()) {
		// Where nobody has asked and no socket can be, the response passes: the
		// client may have shut down its sending side alone. The end will tell.
		r.outerEnded()
	}
	h := r.w.wrapped.Header
	r.carryEarly(&r.pair, &r.node)
	if r.endsAt(&r.w) && r.noted(headerTaken) {
		r.heldMove(&r.w, status, h(), r.w.stood())
	}
	answers := r.winner() == lifecycle.Exited && !r.hasAny(lifecycle.Dropping) && r.passes(&r.w)
	if answers {
		r.respondBeforeBody()
	}
	if r.hasAny(lifecycle.HasFilters) && (answers || r.winner() != lifecycle.Exited) && r.state.Load().PassesFilters(status) {
		r.runFilters(status, h())
	}
	if r.hasAny(lifecycle.Hijacked) {
		return nil // net/http has its own words for it
	}
	if !r.commitMove(status, r.noted(headerTaken) && header.Encoded(h(), r.w.stood())) {
		if r.det.Load() == nil && r.endsAt(&r.w) {
			r.render(true)
		}
		return r.refusal()
	}
	if status == http.StatusRequestEntityTooLarge {
		r.tooLarge(h())
	}
	return nil
}

// tooLarge has an HTTP/1 connection closed after the response, and net/http
// linger, so that a client that still sends its body reads the response. That is
// what http.MaxBytesReader asks of net/http's own writer, and cannot behind
// another. Where that writer is hidden the header has to do.
func (r *Request) tooLarge(h http.Header) {
	if r.http1() && !nethttp.CloseAfterResponse(r.w.wrapped) {
		h.Set("Connection", "close")
	}
}

// runFilters runs the HeaderFilters, each once, the innermost first. If one
// exits, those outside of it wait for the status that goes out then.
func (r *Request) runFilters(status int, h http.Header) {
	whole := false
	defer func() { r.filteredMove(whole) }()
	for {
		f, ok := r.nextFilter()
		if !ok {
			break
		}
		before := r.winner() == lifecycle.Exited
		var e *Exit
		if t, thrown := r.Catch(func() { e = f.f(f.req, status, h) }); thrown {
			e = t
		}
		if e != nil {
			_ = r.exitAs(f.req.Context(), e, true) // the first exit stands
		}
		if !before && r.winner() == lifecycle.Exited {
			break
		}
	}
	whole = true
}

// nextFilter takes the innermost HeaderFilter that has not run.
func (r *Request) nextFilter() (f filter, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare == nil || len(r.rare.filters) == 0 {
		return f, false
	}
	r.state.Store(r.state.Load().Filter())
	last := len(r.rare.filters) - 1
	f = r.rare.filters[last]
	r.rare.filters = r.rare.filters[:last]
	return f, true
}

// filteredMove: no HeaderFilter runs any more. If one has panicked, the response
// that it was to see must not go out without it.
func (r *Request) filteredMove(whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Store(r.state.Load().Filtered(whole))
}
