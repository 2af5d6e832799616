package request

import (
	"net/http"
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/route"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// handler is a lastbyte middleware around next. The outermost one makes the Request;
// those inside find it in the context and add their settings to it.
type handler struct {
	cfg    *Config
	next   http.Handler
	detach bool
	nested atomic.Pointer[nested] // the last that configInside came to
	depth  work.Depth             // under Detach: of next
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
	inner = inner && r.serves(w) && !r.hijackedFor(w)
	switch {
	case h.detach:
		h.detached(r, inner, w, req)
	case inner:
		r.enable(h, req)
		r.inside(h.next, w, req)
	default:
		h.outermost(w, req)
	}
}

// outermost makes the Request, and serves it. It is apart, since a middleware inside
// another one may be on a new goroutine, whose stack is small.
//
//go:noinline
func (h *handler) outermost(w http.ResponseWriter, req *http.Request) {
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

// newDetached makes in one allocation what a request needs whose outermost middleware is
// Detach, or becomes one with it.
func (h *handler) newDetached() (r *Request, d *Detached, out *http.Request) {
	if h.cfg.Limit != nil {
		one := new(struct {
			out http.Request // first, see outermost
			r   Request
			d   Detached
			x   rare // for the Limit
		})
		one.r.rare = &one.x
		return &one.r, &one.d, &one.out
	}
	one := new(struct {
		out http.Request
		r   Request
		d   Detached
	})
	return &one.r, &one.d, &one.out
}

// serves reports whether a lastbyte middleware that is given w, with a context of r,
// is part of r. Once the response is complete nothing else can come out of w if it
// leads to r's writer, so what is inside the handler stays part of r until the handler
// has returned. With any other writer, a task or a handler after Send serves a request
// of its own.
func (r *Request) serves(w http.ResponseWriter) bool {
	s := r.state.Load()
	if s.Winner() != lifecycle.Sent && !s.HasAny(lifecycle.Ended) {
		return true
	}
	return !s.HasAny(lifecycle.Done) && nethttp.Any(w, func(w http.ResponseWriter) bool { return r.direct(w) != nil })
}

// Detach is the middleware of cfg, with Send for the handlers inside. Directly around one
// that has a Limit and nothing else, both become one: a Limit does the same wherever it
// stands.
func Detach(cfg *Config, next http.Handler) http.Handler {
	if in, ok := next.(*handler); ok && !in.detach && in.cfg.onlyLimits() {
		both := *cfg
		both.Limit = in.cfg.Limit
		return &handler{cfg: &both, next: in.next, detach: true}
	}
	return &handler{cfg: cfg, next: next, detach: true}
}

// detached serves under Detach. r is the request, if inner: there is a lastbyte
// middleware around h.
func (h *handler) detached(r *Request, inner bool, w http.ResponseWriter, req *http.Request) {
	if !inner {
		r, d, out := h.newDetached()
		r.init(w, req)
		r.enableFirst(h.cfg, req)
		d.init(r, &r.node, h, out)
		r.serve(d, r.view(), req)
		return
	}
	r.enable(h, req)
	if r.det.Load() != nil || scope.KindOf(req.Context()) == scope.Beside { // a thread's: the request waits for it
		r.inside(h.next, w, req)
		return
	}
	one := new(struct {
		out http.Request
		d   Detached
	})
	one.d.init(r, req.Context(), h, &one.out)
	one.d.ServeHTTP(w, req)
}

// enable adds the settings of h, which is inside another middleware, to r. It runs on
// the goroutine that serves, before the handlers inside h.
func (r *Request) enable(h *handler, req *http.Request) {
	r.mu.Lock()
	outer := r.cfg.Load()
	cfg := outer
	if !r.hasAny(lifecycle.Ended) {
		cfg = h.configInside(outer)
		r.cfg.Store(cfg)
		r.applyLocked(h.cfg, req)
		if h.cfg.Limit != nil {
			r.limitLocked(h.cfg.Limit)
		}
	}
	r.mu.Unlock()
	if cfg.Check != outer.Check {
		r.node.recheck()
	}
	if cfg.Observer != outer.Observer {
		cfg.Observer.Begin(r)
	} else if req.Pattern != "" {
		r.sayRoute(route.Noted(req))
	}
}
