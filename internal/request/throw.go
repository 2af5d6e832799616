package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// Throw is Exit with e, or nothing if e is nil; and it notes that the caller is
// about to panic with http.ErrAbortHandler. That value has to be net/http's own,
// since recoverers let it pass that compare it: so what tells a Throw from a
// handler that aborts is the note.
func (r *Request) Throw(ctx context.Context, e *Exit) {
	if e != nil {
		_ = r.Exit(ctx, e) // there is no caller to hear of it
	}
	k := scope.KindOf(ctx)
	if k == scope.OnHandler && usercall.IsManaged() {
		k = scope.Beside // what the handler panics with meanwhile is not this Throw
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.rareLocked().throws[k]
	t.n++
	t.exit = e
}
