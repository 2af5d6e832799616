package request

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// Log logs what went wrong in the request: to the Lifecycle's logger, else where
// net/http would. ctx is the caller's; route and request id are read from it. Text
// that a client can choose must be quoted in it.
func (r *Request) Log(ctx context.Context, text string) { r.log(ctx, text, nil) }

// log is Log with the stack of a panic. The logger runs apart, so that the request
// goes on whatever the logger does.
func (r *Request) log(ctx context.Context, text string, stack []byte) {
	LogApart(text, stack, r.server(), func() bool {
		obs := r.cfg.Load().Observer
		return obs != nil && obs.Log(r.readable(ctx), r, text, stack)
	})
}

// LogApart logs text, and the stack of a panic if there was one, where to does not: in the
// ErrorLog of srv, which may be nil, or on the standard logger.
func LogApart(text string, stack []byte, srv *http.Server, to func() bool) {
	v, ok := usercall.Apart(func() {
		whole := text
		if stack != nil {
			whole += "\n" + string(stack)
		}
		switch {
		case to():
		case srv != nil && srv.ErrorLog != nil:
			srv.ErrorLog.Print(whole)
		default:
			log.Print(whole)
		}
	})
	if !ok {
		usercall.Apart(func() { loggerFailed(v, text) })
	}
}

// loggerFailed says on the standard logger that a logger has panicked with v, or
// has called runtime.Goexit if v is nil, and what it was to log.
func loggerFailed(v any, text string) {
	if v == nil {
		log.Printf("lastbyte: the logger called runtime.Goexit, at: %s", text)
		return
	}
	log.Printf("lastbyte: panic of the logger: %q, at: %s", fmt.Sprint(v), text)
}

// logPanic logs a panic that is reported to nobody else. what names the function.
func (r *Request) logPanic(ctx context.Context, what string, l usercall.Left) {
	if l.Panicked() {
		r.log(ctx, fmt.Sprintf("lastbyte: panic in %s: %q", what, usercall.Printed(l.Value)), l.Stack)
	}
}

// Report tells of a panic in work that has no client to hear of it. tell is the
// Background's OnPanic; nil: the panic is logged. It runs on this goroutine, and
// may end it by runtime.Goexit.
func (r *Request) Report(ctx context.Context, what string, l usercall.Left, tell func(v any, stack []byte)) {
	switch {
	case !l.Panicked():
	case tell == nil:
		r.logPanic(ctx, what, l)
	default:
		r.run(scope.Task, func() { tell(l.Value, l.Stack) }, func(l usercall.Left) { r.logPanic(ctx, "OnPanic", l) })
	}
}

// ID is the id of the request, for its page: as the log of a Lifecycle has it, else
// the X-Request-Id that it came with. That is not looked up while the handler of Detach
// is at work, who may write to the header.
func (r *Request) ID(ctx context.Context) string {
	if obs := r.cfg.Load().Observer; obs != nil {
		return obs.ID(ctx, r)
	}
	r.mu.Lock()
	d := r.det.Load()
	busy := d != nil && !d.handlerReturned
	r.mu.Unlock()
	if busy {
		return ""
	}
	return CameWith(r.in.Header)
}

// maxID is how much of an X-Request-Id is kept: the client chooses it.
const maxID = 128

// CameWith is the X-Request-Id in h, the header of a request.
func CameWith(h http.Header) string {
	id := h["X-Request-Id"]
	if len(id) == 0 {
		return ""
	}
	return CutID(id[0])
}

// CutID is id, which a client may have chosen, as it is logged.
func CutID(id string) string { return id[:min(len(id), maxID)] }
