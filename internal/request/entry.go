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

// bodyHeaders gives a copy of what describes a body in h, and of Vary, nil if
// there is none of it. The framing is left out: it is that of a body that does
// not come.
func bodyHeaders(h http.Header) (entry http.Header) {
	for k, v := range h {
		if k == "Vary" || describesBody(k, true) && k != "Content-Length" && k != "Transfer-Encoding" {
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

// varies reports whether a Vary with Accept-Encoding was set after entry, as
// compressors do that hold back a body until they know its size.
func varies(h, entry http.Header) bool {
	names := func(lines []string) bool {
		return slices.ContainsFunc(lines, func(s string) bool {
			return strings.Contains(strings.ToLower(s), "accept-encoding")
		})
	}
	return names(h["Vary"]) && !names(entry["Vary"])
}

// noteEntry is called when h, the map of the request's own Writer, is given out
// for the first time: what is in it then was set outside.
func (r *Request) noteEntry(h http.Header) {
	if r.note(headerTaken) {
		r.w.setStood(bodyHeaders(h))
	}
}

// setStood notes entry as what stood in the map below w; it does not change.
func (w *Writer) setStood(entry http.Header) {
	r := w.req
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case w.lay != nil:
		w.lay.stood = entry
	case entry != nil || r.rare != nil:
		r.rareLocked().stood = entry
	}
}

// stood is what setStood has noted.
func (w *Writer) stood() http.Header {
	r := w.req
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case w.lay != nil:
		return w.lay.stood
	case r.rare != nil:
		return r.rare.stood
	}
	return nil
}

// renewEntry is called when a middleware of lastbyte's begins directly inside w:
// headers that others have set in between are not its handler's.
func (w *Writer) renewEntry() {
	if d := w.det(); d != nil {
		if d.own != nil {
			w.setStood(bodyHeaders(d.own))
		}
	} else if w.lay != nil || w.req.noted(headerTaken) {
		w.setStood(bodyHeaders(w.Header()))
	}
}

// entryOf gives what described a body in h, the map below w, before the handler
// inside of w could change it.
func (w *Writer) entryOf(h http.Header) http.Header {
	if d := w.det(); d != nil && !d.synced || w.lay == nil && !w.req.noted(headerTaken) {
		return bodyHeaders(h) // nobody inside has had the map
	}
	return w.stood()
}
