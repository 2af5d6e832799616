package nethttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
)

// What a ServeMux or SetPathValue has set in a copy is in the original then.
func TestCarryPathValues(t *testing.T) {
	mux := func(pattern string) func(r *http.Request) {
		return func(r *http.Request) {
			m := http.NewServeMux()
			m.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
			m.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	for _, c := range []struct {
		name          string
		before, after func(r *http.Request)
		want          map[string]string
	}{
		{"a ServeMux", nil, mux("GET /{id}/{rest...}"), map[string]string{"id": "7", "rest": "a/b"}},
		{"the end of a path", nil, mux("/{id}/{rest}/b/{$}"), map[string]string{"id": "7", "$": ""}},
		{"SetPathValue", nil, func(r *http.Request) { r.SetPathValue("id", "8"); r.SetPathValue("x", "9") },
			map[string]string{"id": "8", "x": "9"}},
		{"both", nil, func(r *http.Request) { mux("/{id}/{rest...}")(r); r.SetPathValue("x", "9"); r.SetPathValue("id", "8") },
			map[string]string{"id": "8", "x": "9", "rest": "a/b"}},
		{"a ServeMux in another", mux("/{outer}/"), mux("/{inner}/{outer...}"), map[string]string{"inner": "7", "outer": "a/b"}},
		{"nothing", mux("/{id}/"), func(*http.Request) {}, map[string]string{"id": "7"}},
	} {
		for _, clone := range []bool{false, true} {
			r := httptest.NewRequest("GET", "/7/a/b", nil)
			if c.name == "the end of a path" {
				r.URL.Path += "/"
			}
			if c.before != nil {
				c.before(r)
			}
			in := r.WithContext(t.Context())
			if clone {
				in = r.Clone(t.Context())
			}
			c.after(in)
			nethttp.CarryPathValues(r, in)
			for name, want := range c.want {
				if got := r.PathValue(name); got != want {
					t.Errorf("%s, a clone %t: PathValue(%q) = %q, want %q", c.name, clone, name, got, want)
				}
			}
		}
	}
	r := httptest.NewRequest("GET", "/7", nil)
	mux("/{id}")(r)
	in := r.WithContext(t.Context())
	if n := testing.AllocsPerRun(100, func() { nethttp.CarryPathValues(r, in) }); n > 0 {
		t.Errorf("CarryPathValues of what was set outside allocates %v times, want 0", n)
	}
}
