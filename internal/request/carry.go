package request

import (
	"context"
	"mime/multipart"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/route"
)

// carry gives the outer handlers what the handlers inside have changed in the
// request: they got a copy, and without lastbyte it would be one request. given is
// the context that the copy was made with. MultipartForm: net/http removes the
// files of its own request only.
func carry(from, to *http.Request, given context.Context) {
	if from == nil || to == nil || from == to {
		return
	}
	carryContext(from, to, given)
	carryFields(from, to)
	if from.MultipartForm == nil && to.MultipartForm != nil {
		from.MultipartForm = to.MultipartForm
	}
	if from.Form == nil && to.Form != nil {
		from.Form, from.PostForm = to.Form, to.PostForm
	}
	route.CarryPattern(from, to)
}

// carryFields carries what middlewares assign to: a RealIP the address, a method
// override the method, a router or a rewrite the URL. What has not changed is not
// written, since other goroutines may read it.
func carryFields(from, to *http.Request) {
	if from.RemoteAddr != to.RemoteAddr {
		from.RemoteAddr = to.RemoteAddr
	}
	if from.Method != to.Method {
		from.Method = to.Method
	}
	if from.Host != to.Host {
		from.Host = to.Host
	}
	if from.URL != to.URL {
		from.URL = to.URL
	}
}

// carryContext carries a context that a handler has put in place of the one that
// it was given, by *r = *r.WithContext(ctx), as gorilla's sessions do. Outside it
// counts for its values alone: it ends with the handler.
func carryContext(from, to *http.Request, given context.Context) {
	ctx := to.Context()
	if ctx == given {
		return
	}
	outer := from.Context()
	if c, ok := outer.(*carried); ok {
		outer = c.Context
	}
	*from = *from.WithContext(&carried{outer, ctx})
}

// carryEarly is carryContext before the header goes out: a middleware outside may
// look for the session when the status is said. It is left for later if goroutines
// of the request are at work, which may read *from. Whoever replaces *to while
// another goroutine writes the response races in net/http alone, too: that reads
// the request as it writes.
func (r *Request) carryEarly(from, to *http.Request, given context.Context) {
	if from == nil || to == nil || to.Context() == given {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.goroutines == 0 {
		carryContext(from, to, given)
	}
}

// carried is a context outside with the values of one inside. What says whose
// request it is, or whether it has ended, is that of the context outside.
type carried struct {
	context.Context
	values context.Context
}

func (c *carried) Value(key any) any {
	switch key.(type) {
	case requestKey, scopeKey, conn.Key, *int: // *int: package context's own key, for cancellation
		return c.Context.Value(key)
	}
	if !route.IsKey(key) { // a copy, inside
		if v := c.values.Value(key); v != nil {
			return v
		}
	}
	return c.Context.Value(key)
}

// uploaded gives the form whose files are to be removed at the end of r; nil: there
// is none, or d's handler is at work and its goroutine sees to them.
func (r *Request) uploaded(d *Detached) *multipart.Form {
	switch {
	case d == nil:
		return r.body.from.MultipartForm
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
	back := d.back
	d.req.mu.Unlock()
	if form := d.body.from.MultipartForm; form != nil && !back {
		form.File = nil
	}
}
