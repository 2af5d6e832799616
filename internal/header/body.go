// Package header knows the header fields of a response as a middleware needs them:
// which of them describe a body, which of them a handler has changed, and how they
// go from one map to another.
//
// No function keeps a map that it is given, and none makes two maps share the
// values of a field: who owns one of the maps may go on to write to it. There is no
// lock, and nothing of this module is imported.
package header

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// describesBody reports whether the field k describes the body of a response.
// resource includes the fields that describe the resource as well: a bare 2xx or
// 304 may have those without a body, RFC 9110, section 15.4.5.
func describesBody(k string, resource bool) bool {
	switch k {
	case "Content-Length", "Content-Encoding", "Content-Range", "Transfer-Encoding", "Trailer":
		return true
	case "Content-Type", "Etag", "Last-Modified":
		return resource
	}
	return strings.HasPrefix(k, http.TrailerPrefix)
}

// OfBody gives a copy of the fields of h that describe a body, and of Vary, nil if
// h has none of them. Content-Length and Transfer-Encoding are left out: they
// delimit a body that will not be sent.
func OfBody(h http.Header) (fields http.Header) {
	for k, v := range h {
		if k == "Vary" || describesBody(k, true) && k != "Content-Length" && k != "Transfer-Encoding" {
			if fields == nil {
				fields = make(http.Header)
			}
			fields[k] = slices.Clone(v)
		}
	}
	return fields
}

// DropBody removes from h the fields that describe a body, which is not sent.
// resource includes those that describe the resource. A field of h that is in kept,
// which OfBody gave before the handler ran, gets its value from there.
func DropBody(h http.Header, resource bool, kept http.Header) {
	for k := range h {
		if !describesBody(k, resource) {
			continue
		}
		if v, ok := kept[k]; ok {
			h[k] = slices.Clone(v)
		} else {
			delete(h, k)
		}
	}
}

// Encoded reports whether h has a Content-Encoding that was set after OfBody gave
// before.
func Encoded(h, before http.Header) bool {
	return len(h["Content-Encoding"]) > 0 && !slices.Equal(h["Content-Encoding"], before["Content-Encoding"])
}

// VariesByEncoding reports whether h has a Vary with Accept-Encoding that was set
// after OfBody gave before. Compressors set it that hold back a body until they
// know its size.
func VariesByEncoding(h, before http.Header) bool {
	names := func(lines []string) bool {
		return slices.ContainsFunc(lines, func(s string) bool {
			return strings.Contains(strings.ToLower(s), "accept-encoding")
		})
	}
	return names(h["Vary"]) && !names(before["Vary"])
}

// HasBody reports whether a response with status has a body, RFC 9110, section
// 6.4.1. Without one a Content-Length promises nothing.
func HasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// Length gives the Content-Length of h, -1 if there is none. ok is false for a value
// that is no length.
func Length(h http.Header) (n int64, ok bool) {
	cl := h["Content-Length"]
	if len(cl) == 0 || cl[0] == "" {
		return -1, true
	}
	n, err := strconv.ParseInt(cl[0], 10, 64)
	if err != nil || n < 0 {
		return -1, false
	}
	return n, true
}
