package request

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// late is what becomes of a detached handler's headers when they have left its own
// map, and of bytes. It is made when it is needed, on the handler's goroutine.
type late struct {
	said    http.Header // the fields that the handler's map and the one below had in common at the last look
	follows bool        // the one below follows the handler's after the status was said
	each    bool        // it does so at each write: the header may go out then
}

// headerAfterSend gives the handler a map that is not that of the response any
// more, so that what is set there can be told from what was in time. A Send beside the
// handler may still be reading the other one, and making late.
func (d *Detached) headerAfterSend() http.Header {
	d.req.mu.Lock()
	defer d.req.mu.Unlock()
	x := d.req.extraLocked()
	if x.after == nil {
		if x.after = d.header.Clone(); x.after == nil {
			x.after = make(http.Header)
		}
	}
	return x.after
}

// lost counts the bytes that come after Send.
func (d *Detached) lost(n int) {
	if d.req.winner() == lifecycle.Sent {
		d.dropped.Add(int64(n))
	}
}

// tellDropped logs in one line what came after Send and was dropped. Most likely
// something inside Detach gives its part of the response when the handler has returned;
// or the handler calls Send where it means to write.
func (d *Detached) tellDropped() {
	if d.req.winner() != lifecycle.Sent {
		return
	}
	var said []string
	if n := d.dropped.Load(); n > 0 {
		hint := "a compressor inside Detach?"
		if d.unsaid {
			hint = "Send came before any status or byte"
		}
		said = append(said, fmt.Sprintf("%d bytes written after it were dropped: %s", n, hint))
	}
	if names := d.changedAfterSend(); len(names) > 0 {
		said = append(said, fmt.Sprintf("headers changed after it were dropped: %q: a session middleware inside Detach?", names))
	}
	if len(said) > 0 {
		d.req.Log(&d.node, "lastbyte: eof.Send: "+strings.Join(said, "; "))
	}
}

// changedAfterSend gives the names of the headers that have changed after Send.
func (d *Detached) changedAfterSend() []string {
	d.req.mu.Lock()
	defer d.req.mu.Unlock()
	x := d.req.madeLocked()
	if x == nil || x.after == nil {
		return nil
	}
	return header.Changed(x.after, d.header)
}

// takeHeader makes the handler's map of the one below, and notes what it began as: what
// somebody outside changes from here on, when a status passes or bytes do, is not for
// the handler to take back.
func (d *Detached) takeHeader(below http.Header) {
	d.header = below.Clone() // all of it: outer handlers may go on to write to theirs
	if len(below) > 0 {
		d.lateNow().said = below.Clone()
	}
}

// lateNow gives d.late, which it makes if there is none.
func (d *Detached) lateNow() *late {
	if d.late == nil {
		d.late = new(late)
	}
	return d.late
}

// follow is called when the status is said: where the header may go out later than
// that, or has trailers, the map below goes on to follow the handler's.
func (d *Detached) follow() {
	if d.heldBack || d.hasTrailers() {
		l := d.lateNow()
		l.follows, l.each = true, d.heldBack
	}
}

// hasTrailers is header.HasTrailers for the map that the handler has, or would have.
func (d *Detached) hasTrailers() bool {
	if d.header != nil {
		return header.HasTrailers(d.header)
	}
	w := &d.req.w // not by headerMap: no handler gets the map
	if !w.gate.Enter() {
		return false
	}
	defer w.gate.Leave(d.req)
	return header.HasTrailers(w.wrapped.Header())
}

// carryHeader gives the map below what the handler has changed in its own. again: that
// is not the last time.
func (d *Detached) carryHeader(again bool) {
	h := d.w.wrapped.Header()
	switch {
	case again:
		l := d.lateNow()
		l.said = header.CarryChanges(h, d.header, l.said)
	case d.late != nil:
		header.Carry(h, d.header, d.late.said)
	default:
		header.Carry(h, d.header, nil)
	}
}

// carryLate hands over headers that the handler has changed since it said the
// status. Those who send them later see them, as in the one map that there is
// without Detach; net/http ignores all but trailers. It is called by the owner of
// the map.
func (d *Detached) carryLate() {
	if d.late != nil && d.late.follows {
		d.carryHeader(true)
	} else {
		header.CarryTrailers(d.w.wrapped.Header(), d.header)
	}
}

// carryLateNow is carryLate before a write that may be the one at which the header
// goes out. The handler's goroutine owns the map; with threads at work, nobody
// knows whose write it is, and the changes go over when the handler is back.
func (d *Detached) carryLateNow() {
	if d.late != nil && d.late.each && d.req.alone() {
		d.carryLate()
	}
}
