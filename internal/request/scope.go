package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/route"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// newScope is makeScope for a context that is part of nothing else.
func newScope(r *Request, ctx context.Context, k scope.Kind) *scope.Scope {
	s := makeScope(r, ctx, k)
	return &s
}

// makeScope gives a context for a function of kind k that may outlive what the route in
// ctx can be read for. The route is copied while the request is held, so that the
// router has not returned. That of a router inside lastbyte is gone when the handler
// has returned, and that of any router when the request has ended: chi may have given
// either to another request.
//
// r is nil for a context that is no request's: its route may be read by who has given
// it, who must not do so when the router has returned.
func makeScope(r *Request, ctx context.Context, k scope.Kind) scope.Scope {
	in := route.Of(ctx)
	if !in.Exists() {
		return scope.New(ctx, k, in)
	}
	if outer := scope.Of(ctx); r != nil && (outer == nil || outer.Route() != in) {
		if r.hasAny(lifecycle.HandlerReturned) && in != route.Of(r.node.Parent()) || !r.hold() {
			return scope.New(ctx, k, route.Forgotten())
		}
		defer r.release()
	}
	own := in.Copy()
	if r != nil && k != scope.Task && !r.hasAny(lifecycle.Ended) {
		r.sayRoute(own.Pattern())
	}
	return scope.New(ctx, k, own)
}

// noteRoute tells the observer of the route in ctx, the caller's. The request is held
// meanwhile, so that chi does not give its route context to another request.
func (r *Request) noteRoute(ctx context.Context) {
	if r.cfg.Load().Observer != nil && r.hold() {
		defer r.release()
		r.sayRoute(route.Pattern(ctx))
	}
}

// sayRoute tells the observer of the route that the request has come to.
func (r *Request) sayRoute(pattern string) {
	if obs := r.cfg.Load().Observer; obs != nil && pattern != "" {
		obs.Route(r, pattern)
	}
}

// readable is ctx with a route that can be read now. That of the router around
// lastbyte stays as it is until the request has ended; one inside may be about to
// be given to another request.
func (r *Request) readable(ctx context.Context) context.Context {
	if in := route.Of(ctx); !in.Exists() || in == route.Of(r.node.Parent()) && !r.hasAny(lifecycle.Ended) {
		return ctx
	}
	return newScope(r, ctx, scope.KindOf(ctx))
}

// Scope gives a context like ctx for a goroutine beside the handler's. If ctx is
// a thread's, that thread's end is not this one's.
func (r *Request) Scope(ctx context.Context) scope.Scope {
	if scope.GivenToThread(ctx) {
		return scope.Of(ctx).Sibling()
	}
	return makeScope(r, ctx, scope.Beside)
}

// TaskScope gives the values of ctx to t, which is work after the response of r, or of
// none if r is nil.
func TaskScope(r *Request, ctx context.Context, t any) scope.Scope {
	if s := scope.TaskValuesIn(ctx); s != nil {
		return s.Sibling().ForTask(t)
	}
	return makeScope(r, ctx, scope.Task).Alone().ForTask(t)
}

// ThreadScope is Request.Scope for a goroutine beside that of t, see TaskScope.
func ThreadScope(r *Request, ctx context.Context, t any) scope.Scope {
	if scope.GivenToThread(ctx) {
		return scope.Of(ctx).Sibling().ForThread(t)
	}
	return makeScope(r, ctx, scope.Task).ForThread(t)
}

// TaskName gives method and route of a request whose response has ended: its fields
// stay as they are. ctx is that of a task which has not begun.
func (r *Request) TaskName(ctx context.Context) (method, of string) {
	return r.in.Method, route.Known(ctx, r.in)
}
