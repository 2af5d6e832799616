package eof

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Draining returns a channel that is closed when http.Server.Shutdown begins, on the
// last server of those that middleware.Lifecycle.Attach or Serve has attached, or when
// [Background.Drain] or [Background.Shutdown] is called. It is for streams, tasks and work
// after [Send] that should end soon by themselves, in a select among other channels:
// nobody cancels them before the time of the shutdown is up. It is not closed while a
// server goes on serving before that, for load balancers to notice.
//
// The channel is nil, which is never ready, if ctx belongs to no Background: to no
// handler inside [Background.Handler] or [Background.Detach], and to none of their
// tasks. It may be asked for at any time, from any goroutine. It is ngx.worker.exiting
// of ngx_lua.
func Draining(ctx context.Context) <-chan struct{} {
	b := backgroundOf(ctx)
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.drained
}

// OnDrain has f run in a goroutine of its own when [Draining] is closed, or at once if it
// is closed already. It is for a handler that is blocked: a WebSocket in Read is told by a
// close frame with 1001 (RFC 6455, section 7.4.1).
//
// The goroutine is a thread of the handler or task that ctx belongs to, which ends after
// it, and which [Background.Shutdown] waits for; see package thread. Its context is like
// that of a thread: it ends with the request, an abort or exit included, by a forced
// shutdown, or when f returns. f must not use the ResponseWriter while the handler does. A
// panic of f is logged.
//
// stop reports whether it has kept f from running, as that of context.AfterFunc does; it
// does not wait for f. A handler or task that ends before [Draining] is closed has f
// forgotten without it; one that ends because of that waits for f. Where [Draining] is nil,
// or f is, f never runs, and stop reports true.
func OnDrain(ctx context.Context, f func(context.Context)) (stop func() bool) {
	b := backgroundOf(ctx)
	crew, ok := request.CrewOf(ctx)
	if b == nil || !ok || f == nil {
		return func() bool { return true }
	}
	return request.OnDrain(ctx, crew, (*owner)(b), f)
}

// backgroundOf gives the Background that ctx belongs to, nil if it is none.
func backgroundOf(ctx context.Context) *Background {
	if t := taskOf(ctx); t != nil {
		return t.b
	}
	if r, ok := request.From(ctx); ok {
		o, _ := r.Owner().(*owner)
		return (*Background)(o)
	}
	return nil
}
