package request

import (
	"context"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// Chi's route context is recycled when its router returns. What may live longer
// (detached handlers, threads, callbacks, tasks) reads a copy.
type scope struct {
	context.Context
	route *chi.Context // nil: no chi router around
	kind  kind
	task  any             // the work after the response that this is the scope of; nil: none
	given context.Context // what the function of this scope got; see flat.go
}

// kind says who a context was made for.
type kind int

const (
	own     kind = iota // the handler's goroutine
	foreign             // a thread or callback: the handler may be at work beside it
	task                // work after the response
)

type scopeKey struct{}

func (s *scope) Value(key any) any {
	switch {
	case key == scopeKey{}:
		return s
	case key == chi.RouteCtxKey && s.route != nil:
		return s.route
	}
	return s.Context.Value(key)
}

func (r *Request) newScope(ctx context.Context, k kind) *scope {
	s := &scope{Context: ctx, kind: k}
	route := chi.RouteContext(ctx)
	if route == nil {
		return s
	}
	if outer := scopeOf(ctx); outer == nil || outer.route != route {
		if r.hasAny(lifecycle.HandlerReturned) && route != chi.RouteContext(r.node.parent) { // of a router inside, which is back as well
			s.route = chi.NewRouteContext()
			return s
		}
		if !r.hold() { // who outlived the request has no route: chi gave it to another
			s.route = chi.NewRouteContext()
			return s
		}
		defer r.release()
	}
	s.route = route.Clone()
	return s
}

// beside gives a scope like s for another function, with a copy of the route.
func (s *scope) beside() *scope {
	b := &scope{Context: s.Context, kind: s.kind}
	if s.route != nil {
		b.route = s.route.Clone()
	}
	return b
}

// readable is ctx with a route that can be read now. That of the router around
// lastbyte stays as it is until the request has ended; one inside may be about to
// be given to another request.
func (r *Request) readable(ctx context.Context) context.Context {
	if route := chi.RouteContext(ctx); route == nil || route == chi.RouteContext(r.node.parent) && !r.hasAny(lifecycle.Ended) {
		return ctx
	}
	return r.newScope(ctx, kindOf(ctx))
}

// Scope gives a context like ctx for a goroutine beside the handler's. If ctx is
// a thread's, that thread's end is not this one's.
func (r *Request) Scope(ctx context.Context) context.Context {
	if s := givenIn(ctx); s != nil && s.kind == foreign {
		return s.beside()
	}
	return r.newScope(ctx, foreign)
}

// TaskScope gives the values of ctx to t, which is work after the response.
func (r *Request) TaskScope(ctx context.Context, t any) context.Context {
	s := valuesIn(ctx)
	if s != nil && s.kind == task {
		s = s.beside()
	} else {
		s = r.newScope(context.WithoutCancel(ctx), task)
	}
	s.task = t
	return s
}

// TaskOf gives the work after the response that ctx belongs to, nil if there is
// none.
func TaskOf(ctx context.Context) any {
	if s := scopeOf(ctx); s != nil {
		return s.task
	}
	return nil
}

// scopeOf gives the innermost scope around ctx, nil if there is none.
func scopeOf(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

func kindOf(ctx context.Context) kind {
	if s := scopeOf(ctx); s != nil {
		return s.kind
	}
	return own
}

// IsTask reports whether ctx belongs to work after the response.
func IsTask(ctx context.Context) bool { return kindOf(ctx) == task }

// carryRoute shows the outer handlers the route that was matched on a copy.
func carryRoute(ctx context.Context, route *chi.Context) {
	to := chi.RouteContext(ctx)
	if to == nil || route == nil {
		return
	}
	to.Routes, to.RoutePath, to.RouteMethod = route.Routes, route.RoutePath, route.RouteMethod
	to.RoutePatterns = append(to.RoutePatterns[:0], route.RoutePatterns...)
	to.URLParams.Keys = append(to.URLParams.Keys[:0], route.URLParams.Keys...)
	to.URLParams.Values = append(to.URLParams.Values[:0], route.URLParams.Values...)
}

// RoutePattern is the route that chi matched, "" if there is none.
func RoutePattern(ctx context.Context) string {
	if route := chi.RouteContext(ctx); route != nil {
		return route.RoutePattern()
	}
	return ""
}

// ID is the id that chi's RequestID gave the request, "" if it did not run.
func ID(ctx context.Context) string { return middleware.GetReqID(ctx) }
