package nethttp

import (
	"iter"
	"net/http"
	"reflect"
	"strings"
)

// CarryPathValues gives to, which from is a copy of, the path values that were set in
// from since: by an http.ServeMux, whose pattern is in from then, or by SetPathValue.
// What has not changed is not written.
func CarryPathValues(to, from *http.Request) {
	if from.Pattern != "" {
		carryWildcards(to, from)
	}
	if m := otherValues(from); m.IsValid() && m.Len() > 0 && m.UnsafePointer() != otherValues(to).UnsafePointer() {
		carryOthers(to, from, m)
	}
}

// These two are not inlined: most requests have no use for the space on the stack.

//go:noinline
func carryWildcards(to, from *http.Request) { carryPathValues(to, from, wildcards(from.Pattern)) }

//go:noinline
func carryOthers(to, from *http.Request, m reflect.Value) {
	carryPathValues(to, from, func(yield func(string) bool) {
		for _, name := range m.MapKeys() {
			if !yield(name.String()) {
				return
			}
		}
	})
}

func carryPathValues(to, from *http.Request, names iter.Seq[string]) {
	for name := range names {
		if v := from.PathValue(name); v != to.PathValue(name) {
			to.SetPathValue(name, v)
		}
	}
}

// wildcards gives the names in the pattern of an http.ServeMux.
func wildcards(pattern string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			_, rest, ok := strings.Cut(pattern, "{")
			if !ok {
				return
			}
			name, rest, _ := strings.Cut(rest, "}")
			if name = strings.TrimSuffix(name, "..."); name != "$" && !yield(name) {
				return
			}
			pattern = rest
		}
	}
}

// otherValues is the map of r for the names that SetPathValue was given and that are
// not those of a wildcard of its pattern; the zero Value: this release has none.
func otherValues(r *http.Request) reflect.Value {
	if otherValuesIndex < 0 {
		return reflect.Value{}
	}
	return reflect.ValueOf(r).Elem().Field(otherValuesIndex)
}

// otherValuesIndex is that of the map in http.Request: every request asks.
var otherValuesIndex = func() int {
	f, ok := reflect.TypeFor[http.Request]().FieldByName("otherValues")
	if !ok || len(f.Index) != 1 || f.Type != reflect.TypeFor[map[string]string]() {
		return -1
	}
	return f.Index[0]
}()
