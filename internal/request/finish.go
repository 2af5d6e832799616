package request

import (
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// finish ends the handler's part, on its goroutine.
func (d *Detached) finish(l usercall.Left) {
	r := d.req
	ending := d.returned(l)
	// Behind an http.TimeoutHandler, which returns when the client leaves, a router
	// may have recycled its route context. Its writer leads to no server's.
	reachable := ending || d.w.speaks != nethttp.Unknown
	if r.winner() == lifecycle.Aborted { // nobody has woken the serving goroutine
		r.drain() // a panic has no client to hear of it at once
		ending = true
	}
	if !ending && l.Panicked() { // before the serving goroutine is woken, which may tell of the end
		r.mu.Lock()
		r.rareLocked().late = true
		r.mu.Unlock()
	}
	switch {
	case ending:
		d.handBack(l, reachable)
	case r.sends():
		d.decided.Wait() // a Send from beside the handler may still be at the writer
	case r.winner() == lifecycle.Exited:
		d.handOverAfterExit(l)
	}
	defer d.finished(l.Panicked()) // deferred: OnPanic may call runtime.Goexit
	if ending && !l.Broken() {
		return
	}
	if !r.hasAny(lifecycle.Woken) && d.wake(true) {
		d.removeLate()
	}
	if l.Broken() {
		d.drainPanicked(ending)
	}
	defer d.tellDropped()
	if !ending {
		d.unheard(l)
	}
}

// removeLate removes the uploaded files where ServeHTTP has returned ahead of the
// handler.
func (d *Detached) removeLate() {
	if d.form != nil {
		_ = d.form.RemoveAll() // net/http has no use for the error either
	}
}

// returned decides, if nobody has, and reports whether the handler's return is the
// ending. A panic does not wait for the request's goroutines.
func (d *Detached) returned(l usercall.Left) (ending bool) {
	if l.Broken() {
		ending = d.req.returnMove() // first: a thread that is called back may exit
		d.node.Cancel(node.HandlerReturned)
		return ending
	}
	if d.req.winner() == lifecycle.Exited {
		d.returnedAfterExit()
	}
	return d.req.drain()
}

// handBack gives the serving goroutine, which still sleeps, what it goes on with.
// reachable: outer handlers may still be read from and written to.
func (d *Detached) handBack(l usercall.Left, reachable bool) {
	alone := d.req.alone() // a panic has not waited for threads, which may be parsing a form
	if alone {
		d.form = d.out.MultipartForm
	}
	if reachable {
		d.handOverHeaders() // after a panic outer handlers may answer for this one
		d.carry(&d.node, alone)
	}
	if !l.Broken() {
		return
	}
	value := l.Value // in the heap if it comes to this
	d.panicked = &value
	if l.Panicked() {
		d.req.log(&d.node, fmt.Sprintf("http: panic serving %q: %q", d.req.in.RemoteAddr, usercall.Printed(l.Value)), l.Stack)
	}
}

// drainPanicked waits for the goroutines that a panic has not waited for.
func (d *Detached) drainPanicked(ending bool) {
	d.req.drain()
	if form := d.out.MultipartForm; ending && d.form == nil && form != nil {
		_ = form.RemoveAll() // handBack has left it to them
	}
}

// handOverAfterExit hands over the headers inside Detach's gate: who exited may be
// about to wake the serving goroutine, which then waits at the gate.
func (d *Detached) handOverAfterExit(l usercall.Left) {
	if !d.w.gate.Enter() {
		return
	}
	defer d.w.gate.Leave(d.req)
	s := d.req.state.Load()
	if s.HasAny(lifecycle.Woken) {
		return
	}
	d.handOverHeaders()
	carryRoute(d.in, d.out)
	if d.req.alone() { // a panic has not waited for threads, which may be parsing a form
		carryValues(d.in, d.out)
	}
	if l.Broken() && s.HasAny(lifecycle.Stands) && !s.HasAny(lifecycle.Hijacked) {
		var abort any = http.ErrAbortHandler // the body that has begun is not whole
		d.panicked = &abort
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

// returnedAfterExit: the handler has returned after an exit. The response does not wait for the
// threads: the exit has ended their contexts.
func (d *Detached) returnedAfterExit() {
	r := d.req
	if !d.w.gate.Enter() {
		return // the serving goroutine has been woken
	}
	first := !r.hasAny(lifecycle.Woken)
	if first {
		d.handOverHeaders()
	}
	d.w.gate.Leave(r)
	if first && !r.alone() {
		d.wakeAfter(true, false, work.About{})
	}
}

// finished says that nothing of the handler is left; runtime.Goexit is no panic. If
// nobody has woken the serving goroutine, that is left for Left.
func (d *Detached) finished(panicked bool) {
	r := d.req
	d.node.Unhook()
	d.node.Cancel(node.HandlerReturned)
	r.mu.Lock()
	s, wakes := r.state.Load().Wake(false)
	r.state.Store(s.Finish())
	d.handlerReturned, d.wakes = true, wakes
	shields := r.shieldsLocked()
	counted, obs := d.counted, r.cfg.Load().Observer
	if counted {
		d.worked = max(r.Age(), 1) // 0: none
	}
	late := s.HasAny(lifecycle.Ended)
	if !late {
		obs = nil // nothing outlived the response; after a Send, its end says so
	}
	r.mu.Unlock()
	if late && wakes {
		d.removeLate()
	}
	for _, n := range shields {
		n.Cancel(node.HandlerReturned)
	}
	if counted {
		d.owner().Over(d, panicked)
	}
	if obs != nil {
		obs.Done(&d.node, r, counted)
	}
}

// Left wakes the serving goroutine if it sleeps still. That is the last step of this one:
// awake, the other would have to wait for the locks that are taken here.
func (d *Detached) Left() {
	d.owner().Left()
	if d.wakes {
		d.decided.Done()
	}
}
