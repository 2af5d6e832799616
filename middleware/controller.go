package middleware

import (
	"context"
	"log/slog"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/thread"
)

// Controller offers functions of the other packages as methods, for the request
// of the context that was passed to [From]. Its methods may be called from any
// goroutine at any time.
type Controller struct {
	ctx context.Context
	r   *request.Request
}

// From returns the Controller of the request that ctx belongs to. The result is
// false if no lastbyte middleware is around the handler.
func From(ctx context.Context) (*Controller, bool) {
	r, ok := request.From(ctx)
	if !ok {
		return nil, false
	}
	return &Controller{ctx, r}, true
}

// OnAbort calls [abort.On].
func (c *Controller) OnAbort(callback func(context.Context)) error { return abort.On(c.ctx, callback) }

// Exit calls [exitcode.Exit].
func (c *Controller) Exit(code exitcode.Code) error { return exitcode.Exit(c.ctx, code) }

// EOF calls [eof.Send].
func (c *Controller) EOF() error { return eof.Send(c.ctx) }

// Defer calls [eof.Defer].
func (c *Controller) Defer(fn func(context.Context)) error { return eof.Defer(c.ctx, fn) }

// Spawn calls [thread.Spawn].
func (c *Controller) Spawn(fn func(context.Context) error) (*thread.Thread, error) {
	return thread.Spawn(c.ctx, fn)
}

// Outcome returns how the request ended, or its state so far.
func (c *Controller) Outcome() Outcome { return outcome(c.r.Outcome()) }

// SetAttrs adds attributes to the line that the log has for the request that ctx
// belongs to, and to Outcome.Attrs: what the request was about, tokens, rows or the
// tenant. An attribute takes the place of an earlier one with the same key. After the
// response has ended they are for the line of the detached work, and for OnDone.
// False: there is no request, or it is over; then nothing has changed. It may be
// called from any goroutine.
//
// Values for handlers travel in the context instead. It is what ngx.ctx is to
// log_by_lua.
func SetAttrs(ctx context.Context, attrs ...slog.Attr) bool {
	r, ok := request.From(ctx)
	return ok && r.SetAttrs(ctx, attrs)
}
