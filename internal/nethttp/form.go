package nethttp

import (
	"context"
	"mime/multipart"
)

// RemoveFiles has the uploaded files of form removed when net/http has finished with the
// request, which it shows by cancelling the request's context, ctx: until then handlers
// outside may read them.
//
// net/http removes the files of its own request alone (finishRequest in server.go,
// runHandler in the HTTP/2 server). It does not know the form of a copy,
// which a middleware outside may have made; and since Go 1.27 the request that handlers
// get on HTTP/2 always is a copy (http2Handler in http2.go). To remove the files twice
// does no harm. A context that is never cancelled is that of a request without a server:
// its files are the caller's, as they are without lastbyte.
func RemoveFiles(ctx context.Context, form *multipart.Form) {
	if form == nil || len(form.File) == 0 {
		return
	}
	context.AfterFunc(ctx, func() {
		_ = form.RemoveAll() // net/http has no use for the error either
	})
}
