package houserules_test

import (
	"go/ast"
	"go/build"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxCycle is how many files of internal/request may call each other in a circle.
// It only gets smaller.
const maxCycle = 5

// A reader who wants to know what a function does reads what it calls. The files
// of a cycle have to be read together, so cycles have to be small. A function
// depends on another where it uses its name; a call through an interface does not
// count, as it can be anything's.
func TestCycle_Request(t *testing.T) {
	t.Parallel()
	calls := fileCalls(t, "internal/request")
	for _, cycle := range cycles(calls) {
		if len(cycle) <= maxCycle {
			continue
		}
		t.Errorf("%d files of internal/request call each other in a circle, want at most %d: %v", len(cycle), maxCycle, cycle)
		for _, from := range cycle {
			for _, to := range cycle {
				if via := calls[from][to]; via != nil {
					t.Logf("%s calls %s: %s", from, to, strings.Join(via, ", "))
				}
			}
		}
	}
}

// fileCalls says which file of a package uses the functions of which other file,
// and where.
func fileCalls(t *testing.T, dir string) map[string]map[string][]string {
	t.Helper()
	p, err := build.ImportDir(filepath.Join(repository, dir), 0)
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, s := range sources(t) {
		if s.pkg() == dir && slices.Contains(p.GoFiles, filepath.Base(s.path)) {
			files = append(files, s.syntax)
		}
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: exports(t, dir)}
	checked, err := conf.Check(module+"/"+dir, positions, files, info)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]map[string][]string{}
	for _, f := range files {
		from := filepath.Base(positions.Position(f.Pos()).Filename)
		calls[from] = map[string][]string{}
		for _, d := range f.Decls {
			caller, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(caller, func(n ast.Node) bool {
				id, _ := n.(*ast.Ident)
				callee, _ := info.Uses[id].(*types.Func)
				if callee == nil || callee.Pkg() != checked || ofInterface(callee) {
					return true
				}
				to := filepath.Base(positions.Position(callee.Origin().Pos()).Filename)
				if to != from {
					calls[from][to] = append(calls[from][to], declared(caller)+" -> "+callee.Name())
				}
				return true
			})
		}
	}
	return calls
}

func ofInterface(f *types.Func) bool {
	recv := f.Signature().Recv()
	return recv != nil && types.IsInterface(recv.Type())
}

// cycles gives the sets of files that call each other in a circle. There are so
// few files that each can be asked where its calls lead.
func cycles(calls map[string]map[string][]string) (all [][]string) {
	reach := map[string]map[string]bool{} // from each file, those that its calls lead to
	for from := range calls {
		reach[from] = map[string]bool{}
		for next := slices.Collect(maps.Keys(calls[from])); len(next) > 0; {
			to := next[0]
			next = next[1:]
			if !reach[from][to] {
				reach[from][to] = true
				next = slices.AppendSeq(next, maps.Keys(calls[to]))
			}
		}
	}
	done := map[string]bool{}
	for _, from := range slices.Sorted(maps.Keys(calls)) {
		if done[from] || !reach[from][from] {
			continue
		}
		var cycle []string
		for _, to := range slices.Sorted(maps.Keys(reach[from])) {
			if reach[to][from] {
				cycle = append(cycle, to)
				done[to] = true
			}
		}
		all = append(all, cycle)
	}
	return all
}
