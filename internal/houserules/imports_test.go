package houserules_test

import (
	"slices"
	"strings"
	"testing"
)

// A room is a package of this module, and which others of the module its code
// imports, its tests left aside.
type room struct{ pkg, imports string }

// house has all rooms. It is read from the top down: a package imports only what
// stands below it.
var house = slices.Concat([]room{
	{".", ""},
	{"aborttest", "abort eof middleware internal/conn internal/pipenet"}, // and only tests import it
	{"example", "abort board eof exitcode middleware thread"},
	{"example/openresty", "abort eof exitcode middleware"},
	{"example/plain", "eof"},
	{"example/api", "exitcode middleware"},
	{"example/live", "board middleware"},
	{"example/order", "eof exitcode middleware"},
	{"example/proxied", "middleware"},
	{"example/shutdown", "eof middleware"},
	{"example/streaming", "eof exitcode middleware"},
	{"example/timeouts", "exitcode middleware"},
	{"example/uploads", "exitcode middleware"},
	{"example/webhook", "eof exitcode middleware"},
	{"internal/bench/rows", "abort board eof exitcode internal/pipenet middleware thread"}, // and only benchmarks import it
	{"board", "abort eof internal/request internal/route middleware"},
	{"middleware", "abort eof exitcode thread " + core},

	{"abort", core},
	{"eof", core},
	{"exitcode", core},
	{"thread", core},

	{"internal/request", list(helpers)},
}, helpers, []room{ // what only tests import
	{"internal/bench", ""},
	{"internal/comparison", ""},
	{"internal/houserules", ""},
	{"internal/pipenet", ""},
	{"internal/stress", ""},
	{"internal/testkit", ""},
})

var core = "internal/request " + list(helpers)

// helpers know nothing of a request.
var helpers = []room{
	{"internal/scope", "internal/node internal/route"},
	{"internal/conn", "internal/nethttp internal/peer"},
	{"internal/usercall", "internal/work"},
	{"internal/verdict", "internal/nethttp internal/peer"},
	{"internal/gate", ""},
	{"internal/header", ""},
	{"internal/lifecycle", ""},
	{"internal/nethttp", ""},
	{"internal/node", ""},
	{"internal/peer", ""},
	{"internal/route", ""},
	{"internal/work", ""},
}

func list(rooms []room) string {
	var pkgs []string
	for _, r := range rooms {
		pkgs = append(pkgs, r.pkg)
	}
	return strings.Join(pkgs, " ")
}

// Imports point down only.
func TestImports_PointDown(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{}
	for i, row := range house {
		allowed[row.pkg] = strings.Fields(row.imports)
		for _, above := range house[:i+1] {
			if slices.Contains(allowed[row.pkg], above.pkg) {
				t.Errorf("the table has %s import %s, which does not stand below it", row.pkg, above.pkg)
			}
		}
	}
	there := map[string]bool{}
	for _, s := range sources(t) {
		if s.nested || s.test() {
			continue
		}
		there[s.pkg()] = true
		want, known := allowed[s.pkg()]
		if !known {
			t.Errorf("%s: package %s has no row in the table, want one", s.path, s.pkg())
			allowed[s.pkg()] = nil
		}
		for _, p := range s.imports() {
			if _, ours := allowed[p]; ours && !slices.Contains(want, p) {
				t.Errorf("%s imports %s, want only %q", s.path, p, want)
			}
		}
	}
	for _, row := range house {
		if !there[row.pkg] {
			t.Errorf("there is no package %s, want one", row.pkg)
		}
	}
}

// Each dependency has its package that imports it; examples and the rows of the
// benchmarks are the user's side.
func TestImports_Dependencies(t *testing.T) {
	t.Parallel()
	only := map[string]string{
		"github.com/go-chi/chi/v5":            "internal/route",
		"github.com/go-chi/chi/v5/middleware": "middleware",
		"github.com/rs/zerolog":               "middleware",
		"golang.org/x/sys/unix":               "internal/peer",
		"testing":                             "aborttest internal/pipenet internal/testkit",
	}
	for _, s := range sources(t) {
		if s.nested || s.test() || strings.HasPrefix(s.pkg()+"/", "example/") || s.pkg() == "internal/bench/rows" {
			continue
		}
		for _, p := range s.imports() {
			known := !strings.Contains(p, ".") || p == "." // the standard library, and our own
			longest := ""
			for dep, where := range only {
				if len(dep) > len(longest) && (p == dep || strings.HasPrefix(p, dep+"/")) {
					longest, known = dep, slices.Contains(strings.Fields(where), s.pkg())
				}
			}
			if !known {
				t.Errorf("%s imports %s, want it nowhere but in %v", s.path, p, only)
			}
		}
	}
}
