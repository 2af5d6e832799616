package route_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/lastbyte-go/lastbyte/internal/route"
)

// withRoute is a context with r as its route.
type withRoute struct {
	context.Context
	r route.Route
}

func (c withRoute) Value(key any) any {
	if route.IsKey(key) && c.r.Exists() {
		return c.r.Value()
	}
	return c.Context.Value(key)
}

// A copy can be read after chi has recycled its route context, and shows outer
// handlers what was matched.
func TestRoute_Copy(t *testing.T) {
	t.Parallel()
	var (
		held  route.Route
		outer = chi.NewRouteContext()
		out   = context.WithValue(t.Context(), chi.RouteCtxKey, outer)
	)
	m := chi.NewRouter()
	m.Get("/items/{id}", func(_ http.ResponseWriter, r *http.Request) {
		if got := route.Pattern(r.Context()); got != "/items/{id}" {
			t.Errorf("Pattern() = %q, want /items/{id}", got)
		}
		held = route.Of(r.Context()).Copy()
	})
	for _, path := range []string{"/items/1", "/items/2"} {
		r := httptest.NewRequest("GET", path, nil)
		first := held
		m.ServeHTTP(httptest.NewRecorder(), r)
		if path == "/items/2" {
			held = first
		}
	}
	if got := chi.URLParamFromCtx(withRoute{t.Context(), held}, "id"); got != "1" {
		t.Errorf("parameter of the copy = %q, want 1", got)
	}
	held.CarryTo(out)
	if got := outer.RoutePattern(); got != "/items/{id}" {
		t.Errorf("pattern outside = %q, want /items/{id}", got)
	}
	if got := outer.URLParam("id"); got != "1" {
		t.Errorf("parameter outside = %q, want 1", got)
	}
}

// Without a router there is nothing to copy or to carry.
func TestRoute_None(t *testing.T) {
	t.Parallel()
	none := route.Of(t.Context())
	if none.Exists() || none.Copy().Exists() {
		t.Error("there is a route without a router, want none")
	}
	none.CarryTo(t.Context())
	none.CarryTo(context.WithValue(t.Context(), chi.RouteCtxKey, chi.NewRouteContext()))
	route.Forgotten().CarryTo(t.Context())
	if got := route.Pattern(t.Context()); got != "" {
		t.Errorf("pattern without a router = %q, want none", got)
	}
	if f := route.Forgotten(); !f.Exists() || route.Pattern(withRoute{t.Context(), f}) != "" {
		t.Error("a forgotten route has a pattern, want an empty one that exists")
	}
}

func TestCarryPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, from, to, want string }{
		{"matched inside", "", "GET /{id}", "GET /{id}"},
		{"matched again inside", "GET /", "GET /{id}", "GET /{id}"},
		{"matched outside", "GET /", "", "GET /"},
	} {
		from, to := &http.Request{Pattern: c.from}, &http.Request{Pattern: c.to}
		route.CarryPattern(from, to)
		if from.Pattern != c.want {
			t.Errorf("%s: pattern = %q, want %q", c.name, from.Pattern, c.want)
		}
	}
}

// Where net/http notes the path of a request as its pattern, there is none.
func TestNoted(t *testing.T) {
	t.Parallel()
	m := http.NewServeMux()
	for _, pattern := range []string{"/{$}", "/plain", "GET\t /tab/{id}", "POST /post", "/tree/{id}/", "example.org/tree/{id}/", "CONNECT /own/{id}/"} {
		m.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/", "/{$}"},
		{"GET", "/none", ""},
		{"GET", "/plain", "/plain"},
		{"CONNECT", "/plain", "/plain"},
		{"GET", "/tab/1", "/tab/{id}"},
		{"POST", "/post", "/post"},
		{"GET", "/tree/1/2", "/tree/{id}/"},
		{"GET", "/tree/1", "/tree/{id}/"}, // a redirect
		{"CONNECT", "/tree/1", ""},        // one that notes /tree/1/
		{"CONNECT", "/tree/%7Bid%7D", ""},
		{"CONNECT", "http://example.org/tree/1/", "example.org/tree/{id}/"},
		{"CONNECT", "/own/1/", "/own/{id}/"},
	} {
		r := httptest.NewRequest("GET", c.target, nil)
		r.Method = c.method
		m.ServeHTTP(httptest.NewRecorder(), r)
		if got := route.Noted(r); got != c.want {
			t.Errorf("%s %s: Noted() = %q of the pattern %q, want %q", c.method, c.target, got, r.Pattern, c.want)
		}
	}
}
