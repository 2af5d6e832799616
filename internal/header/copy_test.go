package header_test

import (
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/header"
)

func TestCarry(t *testing.T) {
	t.Parallel()
	to := h("A", "old", "B", "old", "Outside", "1")
	from := h("B", "1", "B", "2", "C", "3")
	header.Carry(to, from, h("A", "old", "B", "old"))
	if want := h("B", "1", "B", "2", "C", "3", "Outside", "1"); !reflect.DeepEqual(to, want) {
		t.Errorf("Carry gives %v, want %v", to, want)
	}
	_ = append(from["B"][:1], "written")
	from["C"][0] = "written"
	if want := h("B", "1", "B", "2", "C", "3", "Outside", "1"); !reflect.DeepEqual(to, want) {
		t.Errorf("after the owner of from has written to it: %v, want %v", to, want)
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		now, before http.Header
		want        []string
	}{
		{"nothing", h("A", "1"), h("A", "1"), nil},
		{"no map before", h("B", "1", "A", "1"), nil, []string{"A", "B"}},
		{"no map now", nil, h("A", "1"), []string{"A"}},
		{"a value", h("A", "2", "B", "1"), h("A", "1", "B", "1"), []string{"A"}},
		{"one more value", h("A", "1", "A", "2"), h("A", "1"), []string{"A"}},
		{"added and deleted", h("C", "1", "B", "1"), h("A", "1", "B", "1"), []string{"A", "C"}},
	}
	for _, tt := range tests {
		if got := header.Changed(tt.now, tt.before); !slices.Equal(got, tt.want) {
			t.Errorf("%s: Changed(%v, %v) = %q, want %q", tt.name, tt.now, tt.before, got, tt.want)
		}
	}
}

func TestCarryChanges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		to, now, seen http.Header
		want          http.Header
	}{
		{"nothing has changed", h("A", "outside"), h("A", "1"), h("A", "1"), h("A", "outside")},
		{"a value", h("A", "1", "B", "outside"), h("A", "2"), h("A", "1"), h("A", "2", "B", "outside")},
		{"added", h(), h("A", "1"), nil, h("A", "1")},
		{"deleted", h("A", "1", "B", "outside"), h(), h("A", "1"), h("B", "outside")},
		{"deleted on both sides", h(), nil, h("A", "1"), h()},
	}
	for _, tt := range tests {
		to := tt.to
		seen := header.CarryChanges(to, tt.now, tt.seen)
		if !reflect.DeepEqual(to, tt.want) {
			t.Errorf("%s: CarryChanges gives %v, want %v", tt.name, to, tt.want)
		}
		if len(header.Changed(tt.now, seen)) > 0 {
			t.Errorf("%s: CarryChanges has seen %v, want %v", tt.name, seen, tt.now)
		}
		for k, v := range tt.now {
			v[0] = "written"
			if k == "A" && len(to["A"]) > 0 && to["A"][0] == "written" || seen[k][0] == "written" {
				t.Errorf("%s: CarryChanges shares the values of %s", tt.name, k)
			}
		}
	}
}

func TestTrailers(t *testing.T) {
	t.Parallel()
	const prefixed = http.TrailerPrefix + "X-Late"
	for _, tt := range []struct {
		h    http.Header
		want bool
	}{
		{nil, false},
		{h("A", "1"), false},
		{h("Trailer", "x-sum"), true},
		{h(prefixed, "1"), true},
		{http.Header{"Trailer": nil}, false},
	} {
		if got := header.HasTrailers(tt.h); got != tt.want {
			t.Errorf("HasTrailers(%v) = %v, want %v", tt.h, got, tt.want)
		}
	}
	to, from := h("Below", "1"), h("A", "1", prefixed, "1")
	header.CarryTrailers(to, from)
	from[prefixed][0] = "written"
	if want := h("Below", "1", prefixed, "1"); !reflect.DeepEqual(to, want) {
		t.Errorf("CarryTrailers gives %v, want %v", to, want)
	}
}
