package request

import (
	"net/http"
	"slices"
	"strings"
)

// An exit deletes the headers with which the handler described a body that is
// not sent. It deletes none that stood in the header map when the handler's part
// of the chain began: a compressor sets Content-Encoding before it calls the
// next handler, and then encodes whatever comes.

// describesBody reports whether the header k says something of the body alone.
// all: of the resource, too.
func describesBody(k string, all bool) bool {
	switch k {
	case "Content-Length", "Content-Encoding", "Content-Range", "Transfer-Encoding", "Trailer":
		return true
	case "Content-Type", "Etag", "Last-Modified":
		return all
	}
	return strings.HasPrefix(k, http.TrailerPrefix)
}

// bodyHeaders gives a copy of what describes a body in h, nil if nothing does.
// The framing is left out: it is that of a body that does not come.
func bodyHeaders(h http.Header) (entry http.Header) {
	for k, v := range h {
		if describesBody(k, true) && k != "Content-Length" && k != "Transfer-Encoding" {
			if entry == nil {
				entry = make(http.Header)
			}
			entry[k] = slices.Clone(v)
		}
	}
	return entry
}

// dropBodyHeaders removes from h what describes a body that is not sent, and
// leaves or restores what is in entry. A bare 2xx or 304 keeps what describes
// the resource.
func dropBodyHeaders(h http.Header, all bool, entry http.Header) {
	for k := range h {
		if !describesBody(k, all) {
			continue
		}
		if v, ok := entry[k]; ok {
			h[k] = v
		} else {
			delete(h, k)
		}
	}
}

// isCoded reports whether a Content-Encoding was set after entry.
func isCoded(h, entry http.Header) bool {
	return len(h["Content-Encoding"]) > 0 && !slices.Equal(h["Content-Encoding"], entry["Content-Encoding"])
}

// noteEntry is called when h, the map of the request's own Writer, is given out
// for the first time: what is in it then was set outside.
func (r *Request) noteEntry(h http.Header) {
	if r.body.asked.CompareAndSwap(false, true) {
		r.setEntry(bodyHeaders(h))
	}
}

func (r *Request) setEntry(entry http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if entry != nil || r.extra != nil {
		r.extraLocked().entry = entry
	}
}

// renewEntry is called when a middleware of lastbyte's begins directly inside w:
// headers that others have set in between are not its handler's.
func (w *Writer) renewEntry() {
	switch {
	case w.lay == nil:
		if w.req.body.asked.Load() {
			w.req.setEntry(bodyHeaders(w.Header()))
		}
	case w.lay.det == nil:
		w.lay.stood = bodyHeaders(w.Header())
	case w.lay.det.own != nil:
		w.lay.stood = bodyHeaders(w.lay.det.own)
	}
}

// entryOf gives what described a body in h, the map below w, before the handler
// inside of w could change it.
func (r *Request) entryOf(w *Writer, h http.Header) http.Header {
	switch {
	case w.lay == nil:
		if !r.body.asked.Load() {
			return bodyHeaders(h) // nobody inside has had the map
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.extra == nil {
			return nil
		}
		return r.extra.entry
	case w.lay.det != nil && !w.lay.det.synced:
		return bodyHeaders(h)
	}
	return w.lay.stood
}
