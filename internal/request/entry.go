package request

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/header"
)

// An exit deletes the headers with which the handler described a body that is not
// sent. It keeps those that were in the header map when the handlers inside the
// Writer began: a compressor sets Content-Encoding before it calls the next handler,
// and then encodes whatever that writes. So each Writer notes what was there.

// noteEntry is called when h, the map of the request's own Writer, is given out
// for the first time: what is in it then was set outside.
func (r *Request) noteEntry(h http.Header) {
	if r.note(headerTaken) {
		r.w.setStood(header.OfBody(h))
	}
}

// setStood notes entry as what was in the map of the wrapped writer. Nobody changes
// entry any more, so that it can be read without the lock.
func (w *Writer) setStood(entry http.Header) {
	r, l := w.front.request(), w.layer()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case l != nil:
		l.stood = entry
	case entry != nil || r.rare != nil:
		r.rareLocked().stood = entry
	}
}

// stood is what setStood has noted.
func (w *Writer) stood() http.Header {
	r, l := w.front.request(), w.layer()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case l != nil:
		return l.stood
	case r.rare != nil:
		return r.rare.stood
	}
	return nil
}

// renewEntry is called when a lastbyte middleware begins directly inside w: the headers
// that others have set by then are not those of its handler.
func (w *Writer) renewEntry() {
	if d := w.det(); d != nil {
		if d.header != nil {
			w.setStood(header.OfBody(d.header))
		}
	} else if w.layer() != nil || w.front.request().noted(headerTaken) {
		w.setStood(header.OfBody(w.Header()))
	}
}

// entryOf gives what described a body in h, the map below w, before the handler
// inside of w could change it.
func (w *Writer) entryOf(h http.Header) http.Header {
	if d := w.det(); d != nil && !d.synced || w.layer() == nil && !w.front.request().noted(headerTaken) {
		return header.OfBody(h) // nobody inside has had the map
	}
	return w.stood()
}
