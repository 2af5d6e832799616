package request

import (
	"mime/multipart"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// uploaded gives the form whose files are to be removed at the end of r; nil: there
// is none, or d's handler still runs, and its goroutine removes them.
func (r *Request) uploaded(d *Detached) *multipart.Form {
	switch {
	case d == nil:
		return r.in.MultipartForm
	case r.hasAny(lifecycle.Woken): // d.form was set before that
		return d.form
	}
	return nil
}

// keepFiles takes uploaded files out of the hands of net/http, which would remove
// them when ServeHTTP returns, if the handler is still at work then. The form that
// was parsed outside of Detach is known to every copy of the request there, and
// net/http's own may be one that lastbyte was never given; so that form loses its
// files, and the handler has had one of its own from the start. It runs on the
// serving goroutine, as do those who know that form.
func (d *Detached) keepFiles() {
	form := d.in.MultipartForm
	if form == nil {
		return
	}
	d.req.mu.Lock()
	defer d.req.mu.Unlock()
	if !d.handlerReturned {
		form.File = nil
	}
}
