package header

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// Changed gives the sorted names of the fields that differ between now and before,
// those that only one of them has included.
func Changed(now, before http.Header) []string {
	var names []string
	for k, v := range now {
		if !slices.Equal(v, before[k]) {
			names = append(names, k)
		}
	}
	for k := range before {
		if _, ok := now[k]; !ok {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

// Carry makes in to the changes that now has against seen. A field of to that does
// not differ between the two stays as it is.
func Carry(to, now, seen http.Header) {
	for k, v := range now {
		if old, ok := seen[k]; !ok || !slices.Equal(v, old) {
			to[k] = slices.Clone(v)
		}
	}
	for k := range seen {
		if _, ok := now[k]; !ok {
			delete(to, k)
		}
	}
}

// CarryChanges is Carry, and makes the changes in seen as well, so that the next call
// carries what has changed since this one. It gives seen, which it makes if it is nil
// and there is something to add.
func CarryChanges(to, now, seen http.Header) http.Header {
	Carry(to, now, seen)
	if seen == nil && len(now) > 0 {
		seen = make(http.Header, len(now))
	}
	Carry(seen, now, seen)
	return seen
}

// HasTrailers reports whether h names trailer fields when the header of a response
// goes out: by its Trailer field, or by http.TrailerPrefix.
func HasTrailers(h http.Header) bool {
	return len(h) > 0 && (len(h["Trailer"]) > 0 || hasPrefixed(h))
}

// hasPrefixed reports whether a name in h begins with http.TrailerPrefix. It is apart, as
// the loop takes space on the stack.
//
//go:noinline
func hasPrefixed(h http.Header) bool {
	for k := range h {
		if strings.HasPrefix(k, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// CarryTrailers makes the fields with http.TrailerPrefix in to those of from. They need
// not be named before.
func CarryTrailers(to, from http.Header) {
	for k, v := range from {
		if strings.HasPrefix(k, http.TrailerPrefix) {
			to[k] = slices.Clone(v)
		}
	}
}

// Same reports whether a and b are one map, or both are nil.
func Same(a, b http.Header) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer()
}
