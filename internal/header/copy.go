package header

import (
	"net/http"
	"slices"
	"strings"
)

// Replace makes the fields of to those of from.
func Replace(to, from http.Header) {
	clear(to)
	for k, v := range from {
		to[k] = slices.Clone(v)
	}
}

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

// CarryChanges makes in to the changes that now has against seen, and in seen as
// well, so that the next call carries what has changed since this one. A field of to
// that does not differ between the two stays as it is. It gives seen, which it makes
// if it is nil and there is something to add.
func CarryChanges(to, now, seen http.Header) http.Header {
	for k, v := range now {
		if old, ok := seen[k]; !ok || !slices.Equal(v, old) {
			if seen == nil {
				seen = make(http.Header)
			}
			to[k], seen[k] = slices.Clone(v), slices.Clone(v)
		}
	}
	for k := range seen {
		if _, ok := now[k]; !ok {
			delete(to, k)
			delete(seen, k)
		}
	}
	return seen
}

// Trailers gives the trailer fields that h names when the header of a response goes
// out: the lines of its Trailer field, and the fields with http.TrailerPrefix.
func Trailers(h http.Header) []string {
	lines := slices.Clone(h["Trailer"])
	for k := range h {
		if strings.HasPrefix(k, http.TrailerPrefix) {
			lines = append(lines, k)
		}
	}
	return lines
}

// CarryTrailers makes the trailer fields in to those of from: the fields with
// http.TrailerPrefix, and those that named, which Trailers gave, has. A field of
// named that from does not have any more is deleted, so that it is not sent.
func CarryTrailers(to, from http.Header, named []string) {
	for k, v := range from {
		if strings.HasPrefix(k, http.TrailerPrefix) {
			to[k] = slices.Clone(v)
		}
	}
	for _, line := range named {
		for k := range strings.SplitSeq(line, ",") {
			k = http.CanonicalHeaderKey(strings.TrimSpace(k))
			if v, ok := from[k]; ok {
				to[k] = slices.Clone(v)
			} else {
				delete(to, k)
			}
		}
	}
}
