package request

import (
	"context"
	"mime/multipart"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// uploaded gives the form whose files are to be removed at the end of r; nil: there
// is none, or d's handler is at work and its goroutine sees to them.
func (r *Request) uploaded(d *Detached) *multipart.Form {
	switch {
	case d == nil:
		return r.in.MultipartForm
	case r.hasAny(lifecycle.Woken): // d.form was set before that
		return d.form
	}
	return nil
}

// removeFiles has the uploaded files of form removed when net/http is through with
// the request, which it shows by cancelling ctx, the request's context: until then
// handlers outside may read them. net/http removes the files of its own request
// alone. If a middleware outside copied the request, that one does not know the
// form; and since Go 1.27 it is never the one that handlers get on HTTP/2 (see
// http2Handler in http2.go). To remove them twice does no harm. Without a server
// the files are the caller's, as they are without lastbyte.
func removeFiles(ctx context.Context, form *multipart.Form) {
	if form == nil || len(form.File) == 0 {
		return
	}
	context.AfterFunc(ctx, func() {
		_ = form.RemoveAll() // net/http has no use for the error either
	})
}

// keepFiles takes uploaded files out of the hands of net/http, which would remove
// them when ServeHTTP returns, if the handler is still at work then. The form that
// was parsed outside of Detach is known to every copy of the request there, and
// net/http's own may be one that lastbyte was never given; so that form loses its
// files, and the handler has had one of its own from the start. It runs on the
// serving goroutine, as do those who know that form.
func (d *Detached) keepFiles() {
	d.req.mu.Lock()
	returned := d.handlerReturned
	d.req.mu.Unlock()
	if form := d.in.MultipartForm; form != nil && !returned {
		form.File = nil
	}
}
