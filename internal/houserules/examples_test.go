package houserules_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// published are the packages whose names users see.
var published = []string{"abort", "aborttest", "board", "eof", "exitcode", "middleware", "thread"}

// implied are methods that others call, fmt, errors and the loggers, and the type that
// Call.Response of aborttest returns.
var implied = []string{"Error", "Is", "Unwrap", "String", "LogValue", "MarshalZerologObject", "Response"}

var hasOutput = regexp.MustCompile(`(?im)^\s*(unordered )?output:`)

// Every exported name is in a runnable Example of its package: a function, constant or
// variable by its name, a type by its name or by an Example that is named after it, a
// method by its name. What takes a testing.T cannot be in one, so in aborttest the recipes
// and the other tests count.
func TestExamples_EveryName(t *testing.T) {
	t.Parallel()
	for _, pkg := range published {
		used := inExamples(t, pkg)
		names := exportedNames(t, pkg)
		for _, name := range names {
			if !used[name] && !slices.Contains(implied, name[strings.LastIndex(name, ".")+1:]) {
				t.Errorf("no runnable Example of package %s has %s", pkg, name)
			}
		}
		if len(names) < 2 {
			t.Errorf("package %s has the names %q, want some", pkg, names)
		}
	}
}

// exportedNames are those of a package: Name, and .Name for a method.
func exportedNames(t *testing.T, pkg string) (names []string) {
	t.Helper()
	for _, s := range sources(t) {
		if s.pkg() != pkg || s.test() {
			continue
		}
		for _, d := range s.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if !d.Name.IsExported() {
					continue
				}
				if d.Recv == nil {
					names = append(names, d.Name.Name)
				} else if ast.IsExported(receiver(d)) {
					names = append(names, "."+d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					names = append(names, exportedOf(spec)...)
				}
			}
		}
	}
	return names
}

func exportedOf(spec ast.Spec) (names []string) {
	var ids []*ast.Ident
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		ids = spec.Names
	case *ast.TypeSpec:
		ids = []*ast.Ident{spec.Name}
	}
	for _, id := range ids {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	return names
}

// inExamples are the names that runnable Examples of a package have.
func inExamples(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.pkg() != pkg || !s.test() {
			continue
		}
		s.functions(func(f *ast.FuncDecl) {
			name, example := strings.CutPrefix(f.Name.Name, "Example")
			if example = example && runnable(s, f); example {
				for part := range strings.SplitSeq(name, "_") {
					used[part] = true
				}
			}
			if !example && pkg != "aborttest" {
				return
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					used["."+sel.Sel.Name] = true
					if id, ok := sel.X.(*ast.Ident); ok && id.Name == pkg {
						used[sel.Sel.Name] = true
					}
				}
				return true
			})
		})
	}
	return used
}

// runnable reports whether an Example has an output to be compared.
func runnable(s *source, f *ast.FuncDecl) bool {
	for _, c := range s.syntax.Comments {
		if f.Body.Pos() < c.Pos() && c.End() < f.Body.End()+token.Pos(1) && hasOutput.MatchString(c.Text()) {
			return true
		}
	}
	return false
}
