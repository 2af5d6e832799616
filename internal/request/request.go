// Package request is lastbyte's heart: one [Request] for each HTTP request that
// a lastbyte middleware serves. It owns the state machine of docs/lifecycle.md,
// the request's context and the gates in front of its ResponseWriter and body.
// The public packages are its verbs.
package request

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

type requestKey struct{}

// Request is the controller of one request: context, writer, body and state in
// one allocation. The outermost lastbyte middleware makes it; inner ones find
// it in the context and switch features on.
//
// Fields without a remark are set before the handler runs and stay.
type Request struct {
	node requestNode
	w    Writer
	pair
	body body

	size  atomic.Int64 // body bytes
	det   atomic.Pointer[Detached]
	cfg   atomic.Pointer[Config] // what holds for the handlers inside now; written under mu
	start time.Duration          // on the clock of now

	mu sync.Mutex // guards what follows

	state      stateWord     // see state.go; to read it needs no lock
	goroutines int32         // of the request: threads, callback
	duration   time.Duration // to the end of the response, for an observer
	callback   func(context.Context)
	rare       *rare // what few requests need
}

// From finds the request that ctx belongs to.
func From(ctx context.Context) (*Request, bool) {
	if ctx == nil {
		return nil, false
	}
	r, ok := ctx.Value(requestKey{}).(*Request)
	if ok && r.hasAny(lifecycle.Hijacked) && !r.nearest(ctx) {
		return nil, false
	}
	return r, ok
}

// handler is a middleware around next.
type handler struct {
	cfg    *Config
	next   http.Handler
	detach bool
	nested atomic.Pointer[nested] // the last that configInside came to
}

type nested struct{ outer, both *Config }

// configInside returns the Config in effect inside h; cached, since one position in
// a chain of handlers always gives the same. outer is the one in effect around h.
func (h *handler) configInside(outer *Config) *Config {
	if n := h.nested.Load(); n != nil && n.outer == outer {
		return n.both
	}
	n := &nested{outer, outer.nest(h.cfg)}
	h.nested.Store(n)
	return n.both
}

// Handler is the middleware of cfg. Directly around another that says nothing
// else about the same thing, both become one.
func Handler(cfg *Config, next http.Handler) http.Handler {
	if in, ok := next.(*handler); ok {
		if both, ok := cfg.fuse(in.cfg, in.detach); ok {
			return &handler{cfg: both, next: in.next, detach: in.detach}
		}
	}
	return &handler{cfg: cfg, next: next}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r, inner := From(req.Context())
	// After Send the handler, and so what is inside it, is r's until it is back.
	inner = inner && !r.hasAny(lifecycle.Done) && !r.hijackedFor(w)
	switch {
	case h.detach:
		h.detached(r, inner, w, req)
	case inner:
		r.enable(h, req)
		r.inside(h.next, w, req)
	default:
		one := new(struct { // one allocation
			out http.Request // first: it may be given a finalizer
			r   Request
		})
		r := &one.r
		r.init(w, req)
		r.clone(&one.out, &r.node, &r.body)
		r.enableFirst(h.cfg, &one.out)
		r.serve(h.next, r.view(), &one.out)
	}
}

func (r *Request) init(w http.ResponseWriter, req *http.Request) {
	r.start = now()
	r.node.Init(req.Context())
	r.node.r = r
	r.w.wrapped, r.w.front = w, r
	r.body.req, r.in = r, req
	c := r.conn()
	switch {
	case r.node.Parent().Err() != nil: // it may have begun too late, behind an http.TimeoutHandler
		r.note(parentEndedEarly)
	case c != nil && req.ProtoMajor == 1:
		r.body.turn = c.Begin()
	}
}

// enableFirst is enable for the outermost middleware: nobody knows r yet.
func (r *Request) enableFirst(cfg *Config, req *http.Request) {
	r.cfg.Store(cfg)
	r.applyLocked(cfg, req)
	if cfg.Check != nil && req.ProtoMajor == 2 && req.TLS == nil {
		// Before the handler runs: net/http may close a connection without TLS ahead of
		// all that could tell why, see conn.Conn.LeftFirst.
		if c := r.conn(); c != nil {
			c.KeepWatched()
		}
	}
	if cfg.Observer != nil {
		cfg.Observer.Begin(r)
	}
}

// enable switches on what h stands for. It runs on the goroutine that serves,
// before what is inside h.
func (r *Request) enable(h *handler, req *http.Request) {
	r.mu.Lock()
	outer := r.cfg.Load()
	cfg := outer
	if !r.hasAny(lifecycle.Ended) {
		cfg = h.configInside(outer)
		r.cfg.Store(cfg)
		r.applyLocked(h.cfg, req)
	}
	r.mu.Unlock()
	if cfg.Check != outer.Check {
		r.node.recheck()
	}
	if cfg.Observer != outer.Observer {
		cfg.Observer.Begin(r)
	}
}

// applyLocked notes what is said for one request.
func (r *Request) applyLocked(cfg *Config, req *http.Request) {
	if cfg.Page != nil {
		r.rareLocked().page = &pageSetting{cfg.Page, req}
	}
	if cfg.Filter != nil {
		x := r.rareLocked()
		x.filters = append(x.filters, filter{cfg.Filter, req})
		r.state.Store(r.state.Load().AddFilter())
	}
}
