package request

import (
	"log"
	"net"
	"net/http"
	"path"
	"runtime"
	"strings"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// commit is called inside the writer's gate before the final status goes out.
// An error says that an ending came first, whose response takes its place.
func (r *Request) commit(status int) error {
	if r.hasAny(lifecycle.Committed) {
		return r.w.refused()
	}
	if r.check() != nil && r.node.parent.Err() != nil && (r.conn() != nil || r.node.watches(theParent|thePeer)) {
		// Where nobody has asked and no socket can be, the response passes: the
		// client may have shut down its sending side alone. The end will tell.
		r.outerEnded()
	}
	h := r.w.wrapped.Header
	r.carryEarly(r.body.from, r.body.to, &r.node)
	if r.endsAt(&r.w) && r.noted(headerTaken) {
		r.heldMove(&r.w, status, h(), r.w.stood())
	}
	answers := r.winner() == lifecycle.Exited && !r.hasAny(lifecycle.Dropping) && r.passes(&r.w)
	if answers {
		r.answerFirst()
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

// refusal is the error of a call that comes after the ending.
func (r *Request) refusal() error {
	switch r.winner() {
	case lifecycle.Exited:
		return ErrExited
	case lifecycle.Aborted:
		if err := r.abortError(); err != nil {
			return err
		}
	}
	return ErrEnded
}

// hijackMove: the connection is the handler's.
func (r *Request) hijackMove(c net.Conn) {
	local, _ := r.node.parent.Value(http.LocalAddrContextKey).(net.Addr)
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.rareLocked()
	x.conn, x.local = c, conn.UniqueAddr(local)
	r.state.Store(r.state.Load().Hijack())
}

// superfluous logs a WriteHeader that has no effect as net/http would, with the
// caller's frame: behind another writer net/http would name that one. It is for
// net/http's own HTTP/1 writer alone; other writers have their own ways.
func (w *Writer) superfluous() bool {
	if w.req.hasAny(lifecycle.Hijacked) {
		return w.misused("response.WriteHeader on hijacked connection")
	}
	return w.misused("superfluous response.WriteHeader call")
}

// refusesHijacked reports whether the connection is hijacked, and does for a write
// of n bytes what superfluous does for a status.
func (w *Writer) refusesHijacked(n int) bool {
	return w.lay == nil && w.req.hasAny(lifecycle.Hijacked) && nethttp.IsOwn(w.wrapped) &&
		(n == 0 || w.misused("response.Write on hijacked connection"))
}

func (w *Writer) misused(what string) bool {
	srv := w.req.server()
	if srv == nil || !nethttp.IsOwn(w.wrapped) {
		return false
	}
	printf := log.Printf
	if srv.ErrorLog != nil {
		printf = srv.ErrorLog.Printf
	}
	f := caller()
	printf("http: %s from %s (%s:%d)", what, f.Function, path.Base(f.File), f.Line)
	return true
}

// caller is the first frame outside this package and net/http.
func caller() runtime.Frame {
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for {
		f, more := frames.Next()
		if !more || !strings.HasPrefix(f.Function, "net/http.") && !strings.Contains(f.Function, "lastbyte/internal/request.") {
			return f
		}
	}
}
