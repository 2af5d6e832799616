package request

import (
	"context"
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
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Detached runs the rest of the handler chain on a goroutine of its own, so
// that the serving goroutine can return once the ending is decided.
//
// Three kinds of goroutine meet here. The handler's owns header and begun until
// it has returned or has called Send. The serving goroutine sleeps in ServeHTTP
// until wake, and owns the writer below from then on. Whoever decides the
// ending calls wake, once.
type Detached struct {
	layer // what the serving goroutine and the handler's call

	h    *handler
	node node.Open
	pair
	body  body
	route route.Route // the handler's copy

	header   http.Header  // the handler's map; nil before it has asked for it
	late     *late        // what happened to it since
	dropped  atomic.Int64 // bytes that were written after Send
	declared int64        // Content-Length said, plus 1; 0: none
	written  atomic.Int64

	decided sync.WaitGroup // one: the ending is decided

	eof    time.Duration // to Send; 0: none. Under Request.mu
	worked time.Duration // to the end of a handler that outlived the response; 0: it did not. Under Request.mu

	form     *multipart.Form // parsed by the handler, which has returned; set before wake
	panicked *any            // if that was the ending, with what; nil for runtime.Goexit. Set before wake

	entry           work.Entry // the owner's
	handlerReturned bool       // under Request.mu
	counted         bool       // likewise: the handler runs without a client, and the owner knows
	wakes           bool       // see Left. The handler's goroutine
	ran             bool       // the functions inside Detach have returned. Likewise
	deep            bool       // that goroutine began with a larger stack. Set before the handler runs
	heldBack        bool       // somebody outside may send the header later than the handler says the status: a buffer, a compressor, http.TimeoutHandler. Likewise

	below nethttp.Protocol // what the writer below itself is. Likewise

	synced bool // header has reached the map below. Of who owns the writer
	unsaid bool // Send came before a status or a byte. Likewise

	truncated atomic.Bool // Send found fewer bytes than declared. Who reads it may be the serving goroutine ahead of Send's
}

// init makes d the part of r inside h; out will be the handler's request.
func (d *Detached) init(r *Request, ctx context.Context, h *handler, out *http.Request) {
	d.req, d.h, d.out = r, h, out
	if route.Of(ctx).Exists() {
		s := newScope(r, ctx, scope.OnHandler)
		d.route, ctx = s.Route(), s
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
	around := d.req.direct(w)
	d.givesUp = around == nil && d.req.mayGiveUp(w)
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
	d.below = d.w.ask() // here, where the writer below can still be touched
	d.heldBack = around != &d.req.w || d.below == nethttp.Unknown
	d.deep = d.h.depth.Deep()
	d.owner().Go(d, d.deep)
	d.decided.Wait()
	d.closeGates()
	if d.req.winner() == lifecycle.Exited { // Send has said it, and nobody else lets the handler go on
		d.owner().Name(d, d.about(d.in.Context())) // the handler carries nothing to in any more
	}
	d.keepFiles()
	if around == nil {
		if d.req.Replaced() {
			d.req.answer(&d.w, false)
		}
	} else if d.synced {
		around.setStood(d.w.stood()) // it may answer for what d has put into its map
	}
	switch v := d.panicked; {
	case v == nil:
	case *v == nil:
		runtime.Goexit()
	default:
		d.req.passOn(*v)
	}
}

// closeGates closes the gates in front of writer and body. Here, and nowhere else,
// are Send, Exit and return put in an order with the handler's own calls.
//
// Send calls it, and then the serving goroutine, which Send wakes.
func (d *Detached) closeGates() {
	d.w.gate.Close(d.req, nil)
	d.body.gate.Close(d.req, d.interruptRead)
}

func (d *Detached) interruptRead() {
	if d.req.w.gate.Enter() { // else Request.end has closed it, and interrupts the read itself
		defer d.req.w.gate.Leave(d.req)
		d.req.interruptRead()
	}
}

// Run is the handler's part, on a goroutine of its owner's.
func (d *Detached) Run() {
	defer d.back()
	stack := work.Address()
	// An exit or a Timeout may have answered already: then the writer below is net/http's again.
	d.h.next.ServeHTTP(d.w.shape(d.below), d.out)
	if d.ran = true; !d.deep {
		d.h.depth.Note(work.Address() != stack)
	}
}

// back is deferred by Run.
func (d *Detached) back() {
	if d.ran {
		d.finish(usercall.Left{})
	} else {
		d.finish(usercall.Recovered(recover(), d.thrown))
	}
}

// thrown is usercall.Thrown for the handler.
func (d *Detached) thrown() (exits, thrown bool) {
	e, thrown := d.req.takeThrow(scope.OnHandler)
	return e != nil, thrown
}

// about says which request the handler serves. It runs where d.in is not being written
// to; ctx may have a route.
func (d *Detached) about(ctx context.Context) work.About {
	return work.About{Method: d.in.Method, Route: d.known(ctx), Since: d.req.start}
}

// known gives the pattern of the route that ctx has, "" if none is known.
func (d *Detached) known(ctx context.Context) string {
	if !d.req.hold() { // so that no router has returned whose route is in ctx
		return ""
	}
	defer d.req.release()
	return route.Known(ctx, d.in)
}

// Entry is for the owner, see work.Work.
func (d *Detached) Entry() *work.Entry { return &d.entry }

// refuses answers 503 in place of a handler that the Background does not admit, and
// reports whether it has.
func (d *Detached) refuses(w http.ResponseWriter, req *http.Request) bool {
	cause := d.owner().Admit()
	if cause == nil {
		return false
	}
	e := &Exit{Code: http.StatusServiceUnavailable, Cause: cause, Text: "503 Service Unavailable\n"}
	if d.req.Exit(req.Context(), e) == nil { // else an earlier ending is the answer
		w.Header().Set("Retry-After", "1") // ahead of the page, which this goroutine gives when it is back
	}
	return true
}
