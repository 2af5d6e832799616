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

// init makes r the request that the outermost lastbyte middleware was given.
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

// enableFirst is enable for the outermost middleware: nobody else knows r yet, so
// that it needs no lock.
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

// applyLocked notes the page and the filter of cfg, which get req.
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
