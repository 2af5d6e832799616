package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// filterStatus runs the HeaderFilters for a status that a handler has said.
func (r *Request) filterStatus(status int) {
	if s := r.state.Load(); s.HasAny(lifecycle.HasFilters) && s.PassesFilters(status) {
		r.runFilters(status, r.w.wrapped.Header())
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
			_ = r.exitAs(f.req.Context(), e, byFilter) // the first exit stands
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
	x := r.madeLocked()
	if x == nil || len(x.filters) == 0 {
		return f, false
	}
	r.state.Store(r.state.Load().Filter())
	last := len(x.filters) - 1
	f = x.filters[last]
	x.filters = x.filters[:last]
	return f, true
}

// filteredMove: no HeaderFilter runs any more. If one has panicked, the response
// that it was to see must not go out without it.
func (r *Request) filteredMove(whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Store(r.state.Load().Filtered(whole))
}

// FilterFunc is a HeaderFilter's function; 0 lets the response pass.
type FilterFunc func(r *http.Request, status int, h http.Header) *Exit

type filter struct {
	f   FilterFunc
	req *http.Request
}
