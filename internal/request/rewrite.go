package request

import (
	"context"
	"net/http"
)

// Rewritten calls next with the request in, which a function of the user's has made of
// out, whose context was own; nil stands for out. What next sets in it is carried back,
// however next is left.
func (r *Request) Rewritten(own context.Context, out, in *http.Request, next func(*http.Request)) {
	if in == nil {
		in = out
	}
	if of, _ := in.Context().Value(requestKey{}).(*Request); of != r {
		in = in.WithContext(joined(own, in.Context()))
	}
	if in != out {
		det := r.det.Load()
		defer func() {
			carryRoute(out, in)
			if r.det.Load() != det {
				carryForms(out, in) // the handler, inside Detach, has another
			} else {
				r.carryFormsInside(out, in)
			}
		}()
	}
	next(in)
}

// joined is a context of the request that own belongs to, with the values of other
// ahead of its own. It ends with the first of the two. If other can end, it is listened
// to until own ends, which is with the request at the latest.
func joined(own, other context.Context) context.Context {
	var ctx context.Context = &carried{own, other}
	if other.Done() == nil {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	free := context.CancelFunc(func() {})
	if d, ok := other.Deadline(); ok {
		ctx, free = context.WithDeadline(ctx, d)
	}
	stop := context.AfterFunc(other, func() {
		if other.Err() != context.DeadlineExceeded { // else ctx says that itself
			cancel(context.Cause(other))
		}
	})
	context.AfterFunc(own, func() { stop(); free() })
	return ctx
}
