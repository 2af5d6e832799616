package request

import (
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/route"
)

// headerMap is the handler's own map, which begins as what outer handlers set.
// net/http reads its own map again after the handler, for trailers, when a detached
// handler may still write to the one it has.
func (d *Detached) headerMap() http.Header {
	if d.req.winner() == lifecycle.Sent {
		return d.headerAfterSend()
	}
	if d.header == nil {
		if d.w.gate.Enter() {
			d.takeHeader(d.w.wrapped.Header())
			d.w.gate.Leave(d.req)
		} else if d.req.sends() { // it reads d.header
			return d.headerAfterSend()
		}
		if d.header == nil {
			d.header = make(http.Header)
		}
	}
	return d.header
}

func (d *Detached) beforeWrite(int) error {
	if err := d.refuseAndWake(http.StatusOK); err != nil {
		return err
	}
	if d.begins() {
		d.begin(http.StatusOK)
	} else {
		d.carryLateNow()
	}
	return nil
}

// begins reports whether a status that is said now counts: it is the first, or
// the first after a HeaderFilter has panicked at another.
func (d *Detached) begins() bool {
	return !d.begun() || d.req.state.Load()&(lifecycle.Committed|lifecycle.Unfiltered) == lifecycle.Unfiltered
}

func (d *Detached) beforeStatus(status int) bool {
	if d.refuseAndWake(status) != nil {
		return false
	}
	switch {
	case !d.begins(): // superfluous: net/http says so
	case d.req.isInformational(status), status < 100 || status > 999:
		d.sync(true)
	default:
		d.begin(status)
	}
	return true
}

func (d *Detached) afterWrite(n int64, err error) error {
	d.written.Add(n)
	_ = d.refuseAndWake(http.StatusOK) // a HeaderFilter may have exited
	return err
}

func (d *Detached) noteDeadline(t time.Time, of func(*extra) *time.Time) { d.req.setDeadline(t, of) }

// refuseAndWake refuses a write after an ending. It is where an exit with a page that
// waited for the handler goes on.
func (d *Detached) refuseAndWake(status int) error {
	err := d.refused()
	if err != nil && d.header != nil && !d.req.hasAny(lifecycle.Woken) {
		entry := d.w.stood()
		if !d.synced {
			entry = header.OfBody(d.w.wrapped.Header())
		}
		if d.req.heldMove(&d.w, status, d.header, entry) {
			return nil
		}
	}
	// Where the response stands there is no page, and the handler whose write failed
	// may be about to say by http.ErrAbortHandler that the body is not whole.
	if err != nil && d.req.winner() == lifecycle.Exited && !d.req.hasAny(lifecycle.Woken|lifecycle.Stands) && d.req.endsOutside(d) {
		d.handOverHeaders()
		d.wake(false)
	}
	return err
}

// endsOutside reports whether no layer inside d is to answer first.
func (r *Request) endsOutside(d *Detached) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.rare.last.inside(&d.w)
}

func (d *Detached) begin(status int) {
	d.follow()
	d.sync(d.late != nil && d.late.follows || d.req.hasAny(lifecycle.HasFilters)) // after a filter's panic there may be another status
	d.req.carryEarly(&d.pair, &d.node)
	d.declared = 0
	switch n, ok := header.Length(d.header); {
	case !ok:
		if d.w.speaks == nethttp.HTTP1 && !d.req.hasAny(lifecycle.Hijacked) && !d.unsaid { // Send leaves the map as it is
			delete(d.header, "Content-Length") // as net/http does in its own map, with a line in its log
			if d.late != nil {
				delete(d.late.said, "Content-Length")
			}
		}
	case n >= 0 && header.HasBody(status) && d.in.Method != http.MethodHead:
		d.declared = n + 1
	}
	coded := d.header != nil && header.Encoded(d.header, d.w.stood())
	r := d.req
	r.mu.Lock()
	d.startLocked(status, coded)
	r.mu.Unlock()
}

// sync gives the headers of the writer below what the handler has changed in its own.
// again: that is not the last time.
func (d *Detached) sync(again bool) {
	if d.header == nil {
		return
	}
	if !d.synced {
		d.synced = true
		if d.w.stood() == nil {
			d.w.setStood(header.OfBody(d.w.wrapped.Header()))
		}
	}
	d.carryHeader(again)
}

// handOverHeaders hands over what the handler's goroutine has for the response and for
// outer handlers. It runs on that goroutine, or the one that called Send.
func (d *Detached) handOverHeaders() {
	if !d.begun() {
		d.sync(true)
	} else if d.header != nil {
		d.carryLate()
	}
	route.CarryPattern(d.in, d.out)
	d.req.carryEarly(&d.pair, &d.node)
	d.carryFields()
	d.route.CarryTo(d.in.Context())
}
