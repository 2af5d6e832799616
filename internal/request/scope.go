package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/route"
)

// Chi's route context is recycled when its router returns. What may live longer
// (detached handlers, threads, callbacks, tasks) reads a copy.
type scope struct {
	context.Context
	route route.Route // a copy
	kind  kind
	task  any             // the work after the response that this is the scope of; nil: none
	given context.Context // what the function of this scope got; see flat.go
}

func (s *scope) Value(key any) any {
	switch {
	case key == scopeKey{}:
		return s
	case route.IsKey(key) && s.route.Exists():
		return s.route.Value()
	}
	return s.Context.Value(key)
}

func (r *Request) newScope(ctx context.Context, k kind) *scope {
	s := &scope{Context: ctx, kind: k}
	in := route.Of(ctx)
	if !in.Exists() {
		return s
	}
	if outer := scopeOf(ctx); outer == nil || outer.route != in {
		if r.hasAny(lifecycle.HandlerReturned) && in != route.Of(r.node.Parent()) { // of a router inside, which is back as well
			s.route = route.Forgotten()
			return s
		}
		if !r.hold() { // who outlived the request has no route: chi gave it to another
			s.route = route.Forgotten()
			return s
		}
		defer r.release()
	}
	s.route = in.Copy()
	return s
}

// sibling gives a scope like s for another function, with a copy of the route.
func (s *scope) sibling() *scope {
	return &scope{Context: s.Context, kind: s.kind, route: s.route.Copy()}
}

// readable is ctx with a route that can be read now. That of the router around
// lastbyte stays as it is until the request has ended; one inside may be about to
// be given to another request.
func (r *Request) readable(ctx context.Context) context.Context {
	if in := route.Of(ctx); !in.Exists() || in == route.Of(r.node.Parent()) && !r.hasAny(lifecycle.Ended) {
		return ctx
	}
	return r.newScope(ctx, kindOf(ctx))
}

// Scope gives a context like ctx for a goroutine beside the handler's. If ctx is
// a thread's, that thread's end is not this one's.
func (r *Request) Scope(ctx context.Context) context.Context {
	if s := givenIn(ctx); s != nil && s.kind == beside {
		return s.sibling()
	}
	return r.newScope(ctx, beside)
}

// TaskScope gives the values of ctx to t, which is work after the response.
func (r *Request) TaskScope(ctx context.Context, t any) context.Context {
	s := valuesIn(ctx)
	if s != nil && s.kind == task {
		s = s.sibling()
	} else {
		s = r.newScope(context.WithoutCancel(ctx), task)
	}
	s.task = t
	return s
}
