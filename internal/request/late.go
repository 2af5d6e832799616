package request

import (
	"net/http"
	"slices"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// late is what becomes of a detached handler's headers after their moment, and of
// bytes. It is made when it is needed, on the handler's goroutine.
type late struct {
	said http.Header // the headers as they have reached the map below
}

// holdsBack reports whether somebody outside of Detach may send the header later
// than the handler says the status: a buffer, a compressor, http.TimeoutHandler.
func (d *Detached) holdsBack() bool {
	return d.req.direct(d.w.inner) != &d.req.w || nethttp.Of(d.req.w.inner) == nethttp.Unknown
}

// noteSaid notes the headers of the moment at which the status was said.
func (d *Detached) noteSaid() {
	if d.holdsBack() {
		d.late = &late{said: d.own.Clone()}
	}
}

// carryLate hands over headers that the handler has changed since it said the
// status. Those who send them later see them, as in the one map that there is
// without Detach; net/http ignores them. It is called by the owner of the map.
func (d *Detached) carryLate() {
	if d.late == nil || d.late.said == nil && d.own == nil {
		return
	}
	h, said := d.w.inner.Header(), d.late.said
	for k, v := range d.own {
		if old, ok := said[k]; !ok || !slices.Equal(v, old) {
			h[k] = slices.Clone(v)
			if said == nil {
				said = make(http.Header)
				d.late.said = said
			}
			said[k] = slices.Clone(v)
		}
	}
	for k := range said {
		if _, ok := d.own[k]; !ok {
			delete(h, k)
			delete(said, k)
		}
	}
}

// carryLateNow is carryLate before a write that may be the one at which the header
// goes out. The handler's goroutine owns the map; with threads at work, nobody
// knows whose write it is, and the changes go over when the handler is back.
func (d *Detached) carryLateNow() {
	if d.late == nil {
		return
	}
	d.req.mu.Lock()
	alone := d.req.live == 0
	d.req.mu.Unlock()
	if alone {
		d.carryLate()
	}
}
