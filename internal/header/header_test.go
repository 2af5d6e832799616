package header_test

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/header"
)

// h makes a map of fields with one value each.
func h(pairs ...string) http.Header {
	m := make(http.Header)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = append(m[pairs[i]], pairs[i+1])
	}
	return m
}

// full has a field of every kind.
func full() http.Header {
	return h("Content-Length", "3", "Content-Encoding", "gzip", "Content-Range", "bytes 0-2/9",
		"Transfer-Encoding", "chunked", "Trailer", "X-Sum", http.TrailerPrefix+"X-Late", "1",
		"Content-Type", "text/plain", "Etag", `"a"`, "Last-Modified", "then",
		"Vary", "Accept-Encoding", "Set-Cookie", "a=b", "X-Other", "1")
}

func names(m http.Header) []string { return slices.Sorted(maps.Keys(m)) }

func TestOfBody(t *testing.T) {
	t.Parallel()
	in := full()
	got := header.OfBody(in)
	want := []string{"Content-Encoding", "Content-Range", "Content-Type", "Etag", "Last-Modified", "Trailer", http.TrailerPrefix + "X-Late", "Vary"}
	slices.Sort(want)
	if !slices.Equal(names(got), want) {
		t.Errorf("OfBody = %q, want %q", names(got), want)
	}
	got["Etag"][0] = "changed"
	if in["Etag"][0] != `"a"` {
		t.Error("OfBody shares its values with the map it was given")
	}
	if got := header.OfBody(h("X-Other", "1", "Content-Length", "3")); got != nil {
		t.Errorf("OfBody of a map without such fields = %v, want nil", got)
	}
}

func TestDropBody(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		resource bool
		kept     http.Header
		want     http.Header
	}{
		{"a page", true, nil, h("Vary", "Accept-Encoding", "Set-Cookie", "a=b", "X-Other", "1")},
		{"a bare status", false, nil, h("Content-Type", "text/plain", "Etag", `"a"`, "Last-Modified", "then",
			"Vary", "Accept-Encoding", "Set-Cookie", "a=b", "X-Other", "1")},
		{"behind a compressor", true, h("Content-Encoding", "br", "Content-Range", "none"), h("Content-Encoding", "br", "Content-Range", "none",
			"Vary", "Accept-Encoding", "Set-Cookie", "a=b", "X-Other", "1")},
	}
	for _, tt := range tests {
		got := full()
		header.DropBody(got, tt.resource, tt.kept)
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: DropBody leaves %v, want %v", tt.name, got, tt.want)
		}
		if v, ok := got["Content-Encoding"]; ok {
			v[0] = "changed"
			if tt.kept["Content-Encoding"][0] != "br" {
				t.Errorf("%s: DropBody shares its values with what it keeps", tt.name)
			}
		}
	}
	if got := h("X-Other", "1"); true {
		header.DropBody(got, true, h("Content-Encoding", "br"))
		if !reflect.DeepEqual(got, h("X-Other", "1")) {
			t.Errorf("DropBody gives %v, want no field that the handler has deleted", got)
		}
	}
}

func TestEncoded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		h, before http.Header
		want      bool
	}{
		{"none", h(), nil, false},
		{"set inside", h("Content-Encoding", "gzip"), nil, true},
		{"set outside", h("Content-Encoding", "gzip"), h("Content-Encoding", "gzip"), false},
		{"changed inside", h("Content-Encoding", "br"), h("Content-Encoding", "gzip"), true},
		{"one more inside", h("Content-Encoding", "gzip", "Content-Encoding", "br"), h("Content-Encoding", "gzip"), true},
		{"deleted inside", h(), h("Content-Encoding", "gzip"), false},
	}
	for _, tt := range tests {
		if got := header.Encoded(tt.h, tt.before); got != tt.want {
			t.Errorf("%s: Encoded(%v, %v) = %v, want %v", tt.name, tt.h, tt.before, got, tt.want)
		}
	}
}

func TestVariesByEncoding(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		h, before http.Header
		want      bool
	}{
		{"none", h(), nil, false},
		{"another field", h("Vary", "Origin"), nil, false},
		{"set inside", h("Vary", "Origin", "Vary", "accept-encoding"), nil, true},
		{"in a list", h("Vary", "Origin, Accept-Encoding"), nil, true},
		{"set outside", h("Vary", "Accept-Encoding"), h("Vary", "Accept-Encoding"), false},
		{"another was set outside", h("Vary", "Origin", "Vary", "Accept-Encoding"), h("Vary", "Origin"), true},
	}
	for _, tt := range tests {
		if got := header.VariesByEncoding(tt.h, tt.before); got != tt.want {
			t.Errorf("%s: VariesByEncoding(%v, %v) = %v, want %v", tt.name, tt.h, tt.before, got, tt.want)
		}
	}
}

func TestHasBody(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{100: false, 103: false, 200: true, 201: true, 204: false, 304: false, 404: true, 500: true} {
		if got := header.HasBody(status); got != want {
			t.Errorf("HasBody(%d) = %v, want %v", status, got, want)
		}
	}
}

func TestLength(t *testing.T) {
	t.Parallel()
	tests := []struct {
		h    http.Header
		want int64
		ok   bool
	}{
		{nil, -1, true},
		{http.Header{"Content-Length": nil}, -1, true},
		{h("Content-Length", ""), -1, true},
		{h("Content-Length", "0"), 0, true},
		{h("Content-Length", "12"), 12, true},
		{h("Content-Length", "12", "Content-Length", "13"), 12, true},
		{h("Content-Length", "-1"), -1, false},
		{h("Content-Length", "twelve"), -1, false},
		{h("Content-Length", "99999999999999999999"), -1, false},
	}
	for _, tt := range tests {
		if n, ok := header.Length(tt.h); n != tt.want || ok != tt.ok {
			t.Errorf("Length(%v) = %d, %v, want %d, %v", tt.h, n, ok, tt.want, tt.ok)
		}
	}
}
