package houserules_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

var verbs = []string{"abort", "exitcode", "eof", "thread"}

// Imports point down only: middleware, the four verbs, internal/request and its
// helpers, which know nothing of a request.
func TestImports_PointDown(t *testing.T) {
	t.Parallel()
	helpers := map[string][]string{
		"internal/conn":      {"internal/nethttp", "internal/peer"},
		"internal/gate":      {},
		"internal/header":    {},
		"internal/lifecycle": {},
		"internal/nethttp":   {},
		"internal/peer":      {},
		"internal/verdict":   {"internal/nethttp", "internal/peer"},
		"internal/work":      {},
	}
	core := slices.Sorted(maps.Keys(helpers))
	below := map[string][]string{".": {}, "internal/request": core}
	maps.Copy(below, helpers)
	core = append(slices.Clip(core), "internal/request")
	for _, v := range verbs {
		below[v] = core
	}
	below["middleware"] = append(slices.Clip(core), verbs...)
	deps := goList(t, "Deps")
	for pkg, want := range below {
		list, ok := deps[pkg]
		if !ok {
			t.Errorf("there is no package %s, want one", pkg)
		}
		for _, dep := range list {
			if strings.HasPrefix(dep, module) && !slices.Contains(want, inside(dep)) {
				t.Errorf("%s depends on %s, want only %q", pkg, dep, want)
			}
		}
	}
}

// Each dependency has its package that imports it; examples are the user's side.
func TestImports_Dependencies(t *testing.T) {
	t.Parallel()
	only := map[string]string{
		"github.com/go-chi/chi/v5": "internal/request",
		"github.com/rs/zerolog":    "middleware",
		"golang.org/x/sys/unix":    "internal/peer",
		"testing":                  "internal/pipenet internal/testkit",
	}
	for pkg, list := range goList(t, "Imports") {
		if strings.HasPrefix(pkg, "example") {
			continue
		}
		for _, path := range list {
			if strings.HasPrefix(path, module) {
				continue
			}
			known := !strings.Contains(path, ".") // the standard library
			for dep, where := range only {
				if path == dep || strings.HasPrefix(path, dep+"/") {
					known = slices.Contains(strings.Fields(where), pkg)
				}
			}
			if !known {
				t.Errorf("%s imports %s, want it nowhere but in %v", pkg, path, only)
			}
		}
	}
}
