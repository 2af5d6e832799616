// Package request is lastbyte's heart: one [Request] for each HTTP request that
// a lastbyte middleware serves. It owns the state machine of docs/lifecycle.md,
// the request's context and the gates in front of its ResponseWriter and body.
// The public packages are its verbs.
package request

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

type requestKey struct{}

// Request is the controller of one request: context, writer, body and state in
// one allocation. The outermost lastbyte middleware makes it; inner ones find
// it in the context and switch features on.
//
// Fields without a remark are set before the handler runs and stay.
type Request struct {
	node Node
	w    Writer
	body body

	state atomic.Uint32 // see state.go; written under mu
	size  atomic.Int64  // body bytes
	det   atomic.Pointer[Detached]
	check atomic.Pointer[Check] // nil: off
	start time.Time

	watches *Conn // whose peer is watched; nil: none is. Under node.mu

	mu sync.Mutex // guards what follows

	live     int32         // goroutines of the request: threads, callback
	status   int           // recorded
	duration time.Duration // to the end of the response
	eof      time.Duration // to Send; 0: none
	callback func(context.Context)
	on       context.Context // what On was called with
	page     *pageSetting
	owner    Owner    // nil: no Background around this handler
	observer Observer // nil: no Lifecycle around this handler
	extra    *extra   // what few requests need
}

// extra is made when the first of its fields is needed; mu guards the pointer
// and the fields.
type extra struct {
	idle     chan struct{} // closed when live drops to 0; made by drain
	filters  []filter
	deferred []func()
	shields  []*Node
	exit     *Exit
	abort    error     // *abort.Error
	conn     net.Conn  // hijacked
	readBy   time.Time // a deadline of the handler's
	writeBy  time.Time // likewise
	panicked bool

	cut     sync.Once // guards itself and severed
	severed bool      // the cut worked
}

// From finds the request that ctx belongs to.
func From(ctx context.Context) (*Request, bool) {
	if ctx == nil {
		return nil, false
	}
	r, ok := ctx.Value(requestKey{}).(*Request)
	return r, ok
}

// handler is a middleware around next.
type handler struct {
	cfg    *Config
	next   http.Handler
	detach bool
}

// Handler is the middleware of cfg. Directly around another that says nothing
// else about the same thing, both become one.
func Handler(cfg *Config, next http.Handler) http.Handler {
	if in, ok := next.(*handler); ok {
		if both, ok := cfg.with(in.cfg, in.detach); ok {
			return &handler{both, in.next, in.detach}
		}
	}
	return &handler{cfg, next, false}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r, inner := From(req.Context())
	inner = inner && !r.is(ended)
	switch {
	case h.detach:
		h.detached(r, inner, w, req)
	case inner:
		r.enable(h.cfg, req)
		h.next.ServeHTTP(w, req)
	default:
		r := newRequest(w, req)
		r.body.from, r.body.rc = req, req.Body
		out := req.WithContext(&r.node)
		r.body.to = out
		if req.Body != nil && req.Body != http.NoBody {
			out.Body = &r.body
		}
		r.enable(h.cfg, out)
		r.serve(h.next, r.w.view(), out)
	}
}

func newRequest(w http.ResponseWriter, req *http.Request) *Request {
	r := &Request{start: time.Now()}
	r.node.parent, r.node.judge = req.Context(), r
	r.w.inner, r.w.req = w, r
	r.body.req = r
	if r.node.parent.Err() != nil {
		r.state.Store(stale)
	}
	return r
}

// enable switches on what a middleware stands for. It runs on the goroutine
// that serves, before what is inside that middleware.
func (r *Request) enable(cfg *Config, req *http.Request) {
	if cfg.Check != nil {
		r.check.Store(cfg.Check)
		r.node.recheck()
	} else if cfg.Ignore {
		r.check.Store(nil)
	}
	if cfg.Page == nil && cfg.Filter == nil && cfg.Owner == nil && cfg.Observer == nil {
		return
	}
	r.mu.Lock()
	if cfg.Page != nil {
		r.page = &pageSetting{cfg.Page, req}
	}
	if cfg.Filter != nil {
		x := r.extraLocked()
		x.filters = append(x.filters, filter{cfg.Filter, req})
		r.markLocked(special)
	}
	if cfg.Owner != nil {
		r.owner = cfg.Owner
	}
	begin := cfg.Observer != nil && r.observer == nil
	if begin {
		r.observer = cfg.Observer
	}
	r.mu.Unlock()
	if begin {
		cfg.Observer.Begin(r)
	}
}

func (r *Request) extraLocked() *extra {
	if r.extra == nil {
		r.extra = new(extra)
	}
	return r.extra
}

// serve runs the handler on this goroutine and ends the request. A panic or
// runtime.Goexit passes on as it came, unless it is that of Throw.
func (r *Request) serve(next http.Handler, w http.ResponseWriter, out *http.Request) {
	back := false
	defer func() {
		if back {
			return
		}
		// No recover but for Throw: what passes by unseen keeps its stack, and
		// nobody has to tell runtime.Goexit from a panic with nil.
		var v any
		if r.winner() == exited {
			v = recover()
		}
		thrown := v == http.ErrAbortHandler
		if !thrown {
			r.panicMove()
		}
		cut := r.finish(!thrown)
		if v != nil && (!thrown || cut) {
			panic(v)
		}
	}()
	next.ServeHTTP(w, out)
	cut := r.finish(false) // it may panic itself, in a HeaderFilter or OnEnd
	back = true
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// panicMove notes a panic and calls the request's goroutines back.
func (r *Request) panicMove() {
	r.mu.Lock()
	r.extraLocked().panicked = true
	r.mu.Unlock()
	r.node.cancel(handlerReturned)
}

// finish ends the request on the serving goroutine, after which nothing of its
// writer or body is touched. It reports whether only a panic can still keep
// net/http from completing the response.
func (r *Request) finish(panicked bool) (cut bool) {
	if r.is(ended) {
		return false // OnEnd panicked
	}
	d := r.det.Load()
	if d == nil {
		r.drain()
	} else {
		r.returnedMove()
	}
	cut = r.respond(panicked)
	r.w.gate.close(nil)
	r.body.gate.close(r.kickBody)
	carry(r.body.from, r.body.to)
	if d != nil && d.awake() && d.form != nil {
		_ = d.form.RemoveAll() // a router may keep it from net/http, which would ignore the error, too
	}
	r.node.detach()
	r.node.cancel(handlerReturned)

	r.mu.Lock()
	r.markLocked(ended)
	var deferred []func()
	var shields []*Node
	if x := r.extra; x != nil {
		deferred, x.deferred = x.deferred, nil
		shields = x.shields
	}
	if d == nil {
		r.markLocked(done | shielded)
	} else {
		shields = nil // they end with the handler
	}
	r.duration = time.Since(r.start)
	obs := r.observer
	over := d != nil && r.is(done) && d.alone && r.winner() == sent
	r.mu.Unlock()

	for _, n := range shields {
		n.cancel(handlerReturned)
	}
	r.submit(deferred)
	if obs != nil {
		obs.End(r)
		if over {
			obs.Done(r) // the work was quicker than the response
		}
	}
	return cut
}
