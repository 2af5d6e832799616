// Package request has one [Request] for each HTTP request that a lastbyte middleware
// serves. It owns the request's context, its ResponseWriter and body with the gates in
// front of them, and the handler's part under Detach. It makes the moves of
// internal/lifecycle, and acts on their results; docs/lifecycle.md describes both. The
// public packages call it.
//
// Request.mu is its only lock: the state is stored under it, and the fields that it
// guards are named. The order of all locks is in docs/lifecycle.md. The package imports
// the helpers of this module (internal/conn, lifecycle, node, verdict, work and so on)
// and nothing above it.
package request

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/work"
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
	start time.Duration          // on the clock of work.Now

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

// init makes r the request that the outermost lastbyte middleware was given.
func (r *Request) init(w http.ResponseWriter, req *http.Request) {
	r.start = work.Now()
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

// enableFirst is enable for the outermost middleware: nobody else knows r yet, so
// that it needs no lock.
func (r *Request) enableFirst(cfg *Config, req *http.Request) {
	r.cfg.Store(cfg)
	r.applyLocked(cfg, req)
	if cfg.Observer != nil {
		cfg.Observer.Begin(r)
	}
}

// applyLocked notes the page and the filter of cfg, which get req.
func (r *Request) applyLocked(cfg *Config, req *http.Request) {
	if cfg.Page != nil {
		r.rareLocked().page = &pageSetting{cfg.Page, req}
	}
	if cfg.Filter != nil {
		x := r.extraLocked()
		x.filters = append(x.filters, filter{cfg.Filter, req})
		r.state.Store(r.state.Load().AddFilter())
	}
}

// rare is what a request needs that exits, is aborted, has a Limit or layers, or work to
// do after its response. It is made when the first of its fields is needed; mu guards the
// pointer and the fields.
type rare struct {
	exit     *Exit
	abort    error // *abort.Error
	page     *pageSetting
	deferred []func()
	kept     any        // see Keep
	limit    *Limit     // see timeout.go; nil: none
	limited  limited    // by it
	parts    *pageParts // of the page; nil: not made yet, or used

	stood http.Header // what described a body before the handler could set it, see noteEntry
	top   *Writer     // of the innermost layer at work; nil: Detach's, or the request's own
	last  *Writer     // the one at which the handler's calls end, after an exit or abort; then the one that answered
	open  bool        // likewise: none does, since something inside it still holds part of the response

	panicked bool // or left by runtime.Goexit
	broken   bool // by a panic with http.ErrAbortHandler
	late     bool // a handler panicked whose response had its ending
	byHandle bool // the cut was made on the connection, past a writer that hides net/http's

	extra *extra
}

// extra is what fewer requests need; as rare, it is made when it is needed.
type extra struct {
	shields map[*node.Node]struct{} // see shield.go
	idle    sync.Cond               // goroutines dropped to 0, or the last call left a gate
	on      context.Context         // for the callback, see callScope
	aborts  *abortFunc              // what runs besides if the client aborts
	filters []filter
	conn    net.Conn            // hijacked
	readBy  time.Time           // a deadline of the handler's
	writeBy time.Time           // likewise
	throws  [scope.Kinds]throws // by kind
	logged  *any                // what a detached handler has panicked with, if it was logged; see passOn

	cut     sync.Once // guards itself and severed
	severed bool      // the cut worked

	forms   []pair        // see carryFormsInside
	attrs   []slog.Attr   // see SetAttrs
	after   http.Header   // the map that a detached handler gets after Send
	calls   DrainList     // of eof.OnDrain
	tracked *hijackedWork // what the owner of the hijacked request waits for; nil: nothing
	local   net.Addr      // after a hijack, what the context gives for http.LocalAddrContextKey: see nearest
}

func (r *Request) rareLocked() *rare {
	if r.rare == nil {
		r.rare = new(rare)
	}
	return r.rare
}

func (r *Request) extraLocked() *extra {
	x := r.rareLocked()
	if x.extra == nil {
		x.extra = new(extra)
		x.extra.idle.L = &r.mu
	}
	return x.extra
}

// madeLocked is extraLocked where nobody may have needed it yet: then it is nil.
func (r *Request) madeLocked() *extra {
	if r.rare == nil {
		return nil
	}
	return r.rare.extra
}

// Idle gives the condition that is broadcast when the last goroutine of the request
// has ended, or the last call has left a gate. Its lock is mu.
func (r *Request) Idle() *sync.Cond {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &r.extraLocked().idle
}

// Age is how long ago the request began.
func (r *Request) Age() time.Duration { return work.Now() - r.start }
