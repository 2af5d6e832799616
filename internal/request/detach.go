package request

import (
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/route"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Detached runs the rest of the handler chain on a goroutine of its own, so
// that the serving goroutine can return once the ending is decided.
//
// Three kinds of goroutine meet here. The handler's owns header and begun until
// it is back or has called Send. The serving goroutine sleeps in ServeHTTP
// until wake, and owns the writer below from then on. Whoever decides the
// ending calls wake, once.
type Detached struct {
	layer // what the serving goroutine and the handler's call

	h    *handler
	node node.Open
	pair
	body  body
	route route.Route // the handler's copy

	own       http.Header  // the handler's map; nil before it asked
	synced    bool         // it has reached the one below
	unsaid    bool         // Send came before a status or a byte
	truncated atomic.Bool  // Send found fewer bytes than declared. Who reads it may be the serving goroutine ahead of Send's
	late      *late        // what happened to it since
	dropped   atomic.Int64 // bytes that were written after Send
	trailer   []string     // the Trailer header of that moment
	declared  int64        // Content-Length said, plus 1; 0: none
	written   atomic.Int64

	decided sync.WaitGroup // one: the ending is decided
	closed  sync.Once      // the gates

	eof time.Duration // to Send; 0: none. Under Request.mu

	form     *multipart.Form // parsed by the handler that is back; set before wake
	panicked *any            // if that was the ending, with what; nil for runtime.Goexit. Set before wake

	entry work.Entry // the owner's
	back  bool       // under Request.mu: the handler is
	alone bool       // under Request.mu: it works on without a client, and the owner knows
}

// Detach is the middleware of cfg, with Send for the handlers inside.
func Detach(cfg *Config, next http.Handler) http.Handler {
	return &handler{cfg: cfg, next: next, detach: true}
}

// detached serves under Detach. r is the request, if there is one around.
func (h *handler) detached(r *Request, inner bool, w http.ResponseWriter, req *http.Request) {
	if !inner {
		one := new(struct { // one allocation
			out http.Request // first: it may be given a finalizer
			r   Request
			d   Detached
		})
		r = &one.r
		r.init(w, req)
		r.enableFirst(h.cfg, req)
		one.d.init(r, &r.node, h, &one.out)
		r.serve(&one.d, r.view(), req)
		return
	}
	r.enable(h, req)
	if r.det.Load() != nil || kindOf(req.Context()) == beside { // a thread's: the request waits for it
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

// init makes d the part of r inside h; out will be the handler's request.
func (d *Detached) init(r *Request, ctx context.Context, h *handler, out *http.Request) {
	d.req, d.h, d.out = r, h, out
	if route.Of(ctx).Exists() {
		s := r.newScope(ctx, onHandler)
		d.route, ctx = s.route, s
	}
	d.node.Init(ctx)
	d.w.front = d
	d.decided.Add(1)
}

// ServeHTTP is the serving goroutine's part.
func (d *Detached) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if d.refuses(w, req) {
		return
	}
	d.w.wrapped = w
	d.body.req, d.in = d.req, req
	d.clone(d.out, &d.node, &d.body)
	if form := req.MultipartForm; form != nil { // see keepFiles
		d.out.MultipartForm = &multipart.Form{Value: form.Value, File: form.File}
	}
	if !d.req.det.CompareAndSwap(nil, d) { // another came first, at the same time
		d.h.next.ServeHTTP(w, req)
		return
	}
	d.req.beginMove(d)
	if d.req.winner() == lifecycle.Exited {
		d.wake(false) // decided when there was nobody to wake
	}
	d.owner().Go(d)
	d.decided.Wait()
	d.shut()
	d.keepFiles()
	if around := d.req.direct(w); around == nil {
		d.req.answer(&d.w, false)
	} else if d.synced {
		around.setStood(d.w.stood()) // it may answer for what d has put into its map
	}
	switch v := d.panicked; {
	case v == nil:
	case *v == nil:
		runtime.Goexit()
	default:
		panic(*v)
	}
}

// shut closes the gates in front of writer and body. Here, and nowhere else,
// are Send, Exit and return put in an order with the handler's own calls.
func (d *Detached) shut() {
	d.closed.Do(func() {
		d.w.gate.Close(d.req, nil)
		d.body.gate.Close(d.req, func() {
			if d.req.w.gate.Enter() { // else the end has come first, and sees to the read
				defer d.req.w.gate.Leave(d.req)
				d.req.interruptRead()
			}
		})
	})
}

// Context is the handler's.
func (d *Detached) Context() context.Context { return &d.node }

// Run is the handler's part, on a goroutine of its owner's.
func (d *Detached) Run() {
	d.req.run(onHandler, func() { d.h.next.ServeHTTP(d.w.view(), d.out) }, d.finish)
}

// finish ends the handler's part, on its goroutine.
func (d *Detached) finish(l usercall.Left) {
	r := d.req
	panicked, v := l.Broken(), l.Value
	var ending bool
	if panicked {
		d.node.Cancel(node.HandlerReturned)
		ending = r.returnMove()
	} else {
		if r.winner() == lifecycle.Exited {
			d.exitBack()
		}
		ending = r.drain()
	}
	// Behind an http.TimeoutHandler, which returns when the client leaves, a router
	// may have recycled its route context. Its writer leads to no server's.
	reachable := ending || d.w.speaks != nethttp.Unknown
	if r.winner() == lifecycle.Aborted { // nobody has woken the serving goroutine
		r.drain() // a panic has no client to hear of it at once
		ending = true
	}
	switch {
	case ending && panicked:
		d.form = d.out.MultipartForm
		if reachable {
			d.settle() // outer handlers may answer for this one
			d.carry(&d.node)
		}
		value := v // in the heap if it comes to this
		d.panicked = &value
		if l.Panicked() {
			r.log(&d.node, fmt.Sprintf("http: panic serving %q: %q", r.in.RemoteAddr, usercall.Printed(v)), l.Stack)
		}
	case ending:
		d.form = d.out.MultipartForm
		if reachable {
			d.settle()
			d.carry(&d.node)
		}
	case r.sends():
		d.decided.Wait() // a Send from beside the handler may still be at the writer
	case r.winner() == lifecycle.Exited && d.w.gate.Enter(): // who exited may be about to wake
		if !r.hasAny(lifecycle.Woken) {
			d.settle()
			if panicked && r.hasAny(lifecycle.Stands) && !r.hasAny(lifecycle.Hijacked) {
				var abort any = http.ErrAbortHandler // the body that has begun is not whole
				d.panicked = &abort
			}
		}
		d.w.gate.Leave(r)
	}
	if !r.hasAny(lifecycle.Woken) && d.wake(true) && d.form != nil {
		_ = d.form.RemoveAll() // ServeHTTP had returned ahead of this goroutine
	}
	if panicked {
		r.drain()
	}
	defer d.over(l.Panicked()) // deferred: OnPanic may call runtime.Goexit
	defer d.tellDropped()
	if !ending {
		d.unheard(l)
	}
}

// unheard does for a handler whose response has ended without it what net/http
// does otherwise.
func (d *Detached) unheard(l usercall.Left) {
	if form := d.out.MultipartForm; form != nil {
		_ = form.RemoveAll() // net/http has no use for the error either
	}
	d.req.Report(&d.node, "detached handler", l, d.owner().OnPanic())
}

// exitBack: the handler is back after an exit. The response does not wait for the
// threads: the exit has ended their contexts.
func (d *Detached) exitBack() {
	r := d.req
	if !d.w.gate.Enter() {
		return // the serving goroutine has been woken
	}
	first := !r.hasAny(lifecycle.Woken)
	if first {
		d.settle()
	}
	d.w.gate.Leave(r)
	r.mu.Lock()
	alone := first && r.goroutines > 0
	r.mu.Unlock()
	if alone {
		d.wakeAfter(true, false)
	}
}

// over says that nothing of the handler is left; runtime.Goexit is no panic.
func (d *Detached) over(panicked bool) {
	r := d.req
	d.node.Unhook()
	d.node.Cancel(node.HandlerReturned)
	r.mu.Lock()
	r.state.Store(r.state.Load().Finish())
	d.back = true
	shields := r.shieldsLocked()
	alone, obs := d.alone, r.cfg.Load().Observer
	if !r.hasAny(lifecycle.Ended) {
		obs = nil // nothing outlived the response; after a Send, its end says so
	}
	r.mu.Unlock()
	for _, n := range shields {
		n.Cancel(node.HandlerReturned)
	}
	if alone {
		d.owner().Over(d, panicked)
		if obs != nil {
			obs.Done(&d.node, r)
		}
	}
}

// Entry is for the owner, see work.Work.
func (d *Detached) Entry() *work.Entry { return &d.entry }
