package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// serve runs the handler on this goroutine and ends the request. A panic or
// runtime.Goexit passes on as it came, unless it is that of Throw.
func (r *Request) serve(next http.Handler, w http.ResponseWriter, out *http.Request) {
	if l := r.serveOnce(next, w, out); l.How == usercall.ByGoexit {
		usercall.PanicNil()
	}
}

func (r *Request) serveOnce(next http.Handler, w http.ResponseWriter, out *http.Request) (l usercall.Left) {
	returned := false
	defer func() {
		if returned {
			return
		}
		l = r.left(recover())
		if l.Broken() {
			r.panicMove(l)
		}
		cut := r.finish(l.Broken())
		switch {
		case l.Value == nil: // runtime.Goexit goes on by itself
		case l.Broken():
			panic(l.Value) // on top of the frames that panicked, which net/http logs
		case cut:
			panic(http.ErrAbortHandler)
		}
	}()
	if l := r.cfg.Load().Limit; l != nil { // not before: the timer may fire at once
		r.mu.Lock()
		r.limitLocked(l)
		r.mu.Unlock()
	}
	next.ServeHTTP(w, out)
	cut := r.complete(false) // it may panic itself, in a HeaderFilter
	returned = true
	if r.end() || cut {
		panic(http.ErrAbortHandler)
	}
	return usercall.Left{}
}

// panicMove makes a panic the ending, unless there is one, and calls the request's
// goroutines back: what they exit with comes after it. A panic with http.ErrAbortHandler
// is how a handler breaks its response off: nothing has gone wrong in it.
func (r *Request) panicMove(l usercall.Left) {
	r.mu.Lock()
	if x := r.rareLocked(); l.How == usercall.ByAbortHandler {
		x.broken = true
	} else {
		x.panicked = true
	}
	next, _ := r.state.Load().Return()
	r.state.Store(next)
	r.mu.Unlock()
	r.node.Cancel(node.HandlerReturned)
}

// finish completes the response and ends the request, also if a HeaderFilter
// panics in between.
func (r *Request) finish(panicked bool) (cut bool) {
	defer func() {
		if r.det.Load() == nil && !r.hasAny(lifecycle.Drained) {
			r.drain() // the HeaderFilter has panicked in the middle of it
		}
		cut = r.end() || cut
	}()
	return r.complete(panicked)
}

// complete decides, if nobody has, and gives the response, on the serving
// goroutine. It reports whether only a panic can still keep net/http from
// completing it.
func (r *Request) complete(panicked bool) (cut bool) {
	switch {
	case r.det.Load() == nil:
		r.drain()
	case r.winner() == lifecycle.Serving:
		r.returnMove()
	}
	r.carryEarly(&r.pair, &r.node)
	return r.respond(panicked)
}

// end ends the request on the serving goroutine, after which nothing of its writer
// or body is touched. It reports what complete does.
func (r *Request) end() (cut bool) {
	d := r.det.Load()
	r.w.gate.Close(r, nil)
	r.body.gate.Close(r, r.interruptRead)
	cut = r.endLease()
	r.carry(&r.node, true)
	r.node.unhook()
	r.node.Cancel(node.HandlerReturned)

	r.mu.Lock()
	var deferred []func()
	var shields []*node.Node
	if x := r.rare; x != nil {
		deferred, x.deferred = x.deferred, nil
	}
	r.liftLimitLocked() // the timer keeps the request in memory
	r.state.Store(r.state.Load().End(d != nil))
	if d == nil {
		shields = r.shieldsLocked()
	} // else what Shield gave ends with the handler
	obs := r.cfg.Load().Observer
	last := r.hasAny(lifecycle.Done) // else the goroutine of the handler is the last
	over := d != nil && last && d.counted && r.winner() == lifecycle.Sent
	var out Outcome
	if obs != nil {
		r.duration = r.Age()
		out = r.endOutcomeLocked(over || !last && d.counted)
	}
	form := r.uploaded(d)
	tracked := r.trackedLocked()
	r.mu.Unlock()

	nethttp.RemoveFiles(r.in.Context(), form)
	for _, n := range shields {
		n.Cancel(node.HandlerReturned)
	}
	// After the observer, whatever that does: a shutdown may end the process, and what
	// was deferred comes after the response in its log. The owner gets what it waits for
	// before it is let go.
	defer tracked.end()
	defer r.submit(deferred)
	if obs != nil {
		if over {
			defer obs.Done(&d.node, r, true) // the work was quicker than the response
		}
		obs.End(r, out, last && !over)
	}
	return cut
}
