package houserules_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/lastbyte-go/lastbyte"

// A source is a Go file of the repository, for whichever system it is.
type source struct {
	path   string // inside of the repository, with slashes
	nested bool   // it is part of a nested module
	lines  int
	syntax *ast.File
}

func (s *source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// pkg is the path of the file's package inside of the module, "." for its top.
func (s *source) pkg() string { return path.Dir(s.path) }

// imports gives the paths that the file imports, those of this module as pkg has
// them.
func (s *source) imports() (paths []string) {
	for _, spec := range s.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // the parser has accepted it
		}
		if p == module {
			p = "."
		}
		paths = append(paths, strings.TrimPrefix(p, module+"/"))
	}
	return paths
}

// functions calls f with each function that the file declares.
func (s *source) functions(f func(*ast.FuncDecl)) {
	for _, d := range s.syntax.Decls {
		if d, ok := d.(*ast.FuncDecl); ok {
			f(d)
		}
	}
}

var positions = token.NewFileSet()

// sources gives all Go files of the repository. The go command notes the files
// that a test opens, so a test result from its cache is never older than they are.
func sources(t *testing.T) []*source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("there are %d Go files, want 100 or more", len(all))
	}
	return all
}

var parsed = sync.OnceValues(func() (all []*source, err error) {
	nested := map[string]bool{} // directories that belong to a nested module
	err = filepath.WalkDir(repository, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, dir := d.Name(), filepath.Dir(file)
		if d.IsDir() {
			if file != repository && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
				return filepath.SkipDir // as the go command does
			}
			_, err := os.Stat(filepath.Join(file, "go.mod"))
			nested[file] = file != repository && (err == nil || nested[dir])
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(positions, file, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(repository, file)
		if err != nil {
			return err
		}
		all = append(all, &source{filepath.ToSlash(inside), nested[dir], bytes.Count(text, []byte("\n")), syntax})
		return nil
	})
	return all, err
})
