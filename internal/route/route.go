// Package route knows the routers around and inside lastbyte: chi, whose route
// context is recycled when its router returns, and the ServeMux of net/http, which
// notes its pattern in the request. Nothing else of the library imports chi's router. There is
// no lock: the comments say while what a Route may be copied. Nothing of this module is
// imported.
package route

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Route is what chi has matched for a request: its own route context, or a copy
// that may be read after chi has recycled that. The zero Route is that of a request
// without a router.
type Route struct{ chi *chi.Context }

// Of gives the route in ctx, which is chi's own unless somebody has put a copy
// there.
func Of(ctx context.Context) Route { return Route{chi.RouteContext(ctx)} }

// Forgotten gives a copy of a route that can not be read any more: it is empty.
func Forgotten() Route { return Route{chi.NewRouteContext()} }

// Exists reports whether there is a router.
func (r Route) Exists() bool { return r.chi != nil }

// Copy gives a copy of r. It may be made while the router that r is of is known not
// to have returned; a copy of a copy may be made at any time.
func (r Route) Copy() Route {
	if r.chi == nil {
		return r
	}
	return Route{r.chi.Clone()}
}

// IsKey reports whether a context has its route under key.
func IsKey(key any) bool { return key == chi.RouteCtxKey }

// Value is what a context with the route r gives for chi's key, see IsKey.
func (r Route) Value() any { return r.chi }

// CarryTo shows r, which is a copy, to handlers outside, whose context is ctx.
func (r Route) CarryTo(ctx context.Context) {
	if r.chi == nil {
		return
	}
	to := chi.RouteContext(ctx)
	if to == nil {
		return
	}
	to.Routes, to.RoutePath, to.RouteMethod = r.chi.Routes, r.chi.RoutePath, r.chi.RouteMethod
	to.RoutePatterns = append(to.RoutePatterns[:0], r.chi.RoutePatterns...)
	to.URLParams.Keys = append(to.URLParams.Keys[:0], r.chi.URLParams.Keys...)
	to.URLParams.Values = append(to.URLParams.Values[:0], r.chi.URLParams.Values...)
}

// Pattern is the pattern that chi matched, "" if there is none.
func (r Route) Pattern() string {
	if r.chi == nil {
		return ""
	}
	return r.chi.RoutePattern()
}

// Pattern is that of the route in ctx.
func Pattern(ctx context.Context) string { return Of(ctx).Pattern() }

// Known is the pattern that chi matched in ctx, or else the one that an http.ServeMux has
// noted in r.
func Known(ctx context.Context, r *http.Request) string {
	if of := Pattern(ctx); of != "" {
		return of
	}
	return Noted(r)
}

// Noted is the pattern that an http.ServeMux has noted in r, without its method. Where it
// redirects a CONNECT to a path with a slash at its end, it notes that path, which is the
// client's word: so for a CONNECT a pattern that may be one is none.
func Noted(r *http.Request) string {
	if i := strings.IndexAny(r.Pattern, " \t"); i >= 0 {
		return strings.TrimLeft(r.Pattern[i:], " \t")
	}
	if r.Method == http.MethodConnect && len(r.Pattern) > 1 && r.Pattern[0] == '/' && strings.HasSuffix(r.Pattern, "/") {
		return ""
	}
	return r.Pattern
}

// CarryPattern shows the pattern that an http.ServeMux has noted in to, a copy of
// from, to handlers outside. A pattern that has not changed is not written, since
// other goroutines may read it.
func CarryPattern(from, to *http.Request) {
	if to.Pattern != "" && to.Pattern != from.Pattern {
		from.Pattern = to.Pattern
	}
}
