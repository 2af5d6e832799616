package request

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/lastbyte-go/lastbyte/internal/header"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// late is what becomes of a detached handler's headers after their moment, and of
// bytes. It is made when it is needed, on the handler's goroutine.
type late struct {
	said  http.Header // the headers as they have reached the map below
	after http.Header // the map that the handler gets after Send
}

// headerAfterSend gives the handler a map that is not that of the response any
// more, so that what is set there can be told from what was in time.
func (d *Detached) headerAfterSend() http.Header {
	if d.late == nil {
		d.late = new(late)
	}
	if d.late.after == nil {
		if d.late.after = d.header.Clone(); d.late.after == nil {
			d.late.after = make(http.Header)
		}
	}
	return d.late.after
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
	if d.late == nil || d.late.after == nil {
		return nil
	}
	return header.Changed(d.late.after, d.header)
}

// holdsBack reports whether somebody outside of Detach may send the header later
// than the handler says the status: a buffer, a compressor, http.TimeoutHandler.
func (d *Detached) holdsBack() bool {
	return d.req.direct(d.w.wrapped) != &d.req.w || nethttp.Of(d.req.w.wrapped) == nethttp.Unknown
}

// noteSaid notes the headers of the moment at which the status was said.
func (d *Detached) noteSaid() {
	if d.holdsBack() {
		d.late = &late{said: d.header.Clone()}
	}
}

// carryLate hands over headers that the handler has changed since it said the
// status. Those who send them later see them, as in the one map that there is
// without Detach; net/http ignores them. It is called by the owner of the map.
func (d *Detached) carryLate() {
	if d.late == nil {
		return
	}
	d.late.said = header.CarryChanges(d.w.wrapped.Header(), d.header, d.late.said)
}

// carryLateNow is carryLate before a write that may be the one at which the header
// goes out. The handler's goroutine owns the map; with threads at work, nobody
// knows whose write it is, and the changes go over when the handler has returned.
func (d *Detached) carryLateNow() {
	if d.late == nil {
		return
	}
	d.req.mu.Lock()
	alone := d.req.goroutines == 0
	d.req.mu.Unlock()
	if alone {
		d.carryLate()
	}
}
