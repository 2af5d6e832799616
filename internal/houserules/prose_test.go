package houserules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents gives all Markdown files, by their path inside of the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != repository && (d.Name()[0] == '.' || d.Name()[0] == '_' || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".md") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(repository, path)
		all[filepath.ToSlash(inside)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("there are %d documents, want 10 or more", len(all))
	}
	return all
}

// withoutCode is a document without its blocks of code.
func withoutCode(text string) string {
	var prose strings.Builder
	code := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			code = !code
		} else if !code {
			prose.WriteString(line)
		}
	}
	return prose.String()
}

var (
	anchored = regexp.MustCompile(`\]\(([^)#\s]*)#([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noSlug   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// The part of a link behind "#" is a heading of the document, as GitHub names it.
func TestLinks_HeadingsExist(t *testing.T) {
	t.Parallel()
	all := documents(t)
	for name, text := range all {
		for _, m := range anchored.FindAllStringSubmatch(text, -1) {
			target := name
			if m[1] != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), m[1]))
			}
			if strings.Contains(m[1], "://") || !strings.HasSuffix(target, ".md") {
				continue
			}
			var slugs []string
			for _, h := range heading.FindAllStringSubmatch(withoutCode(all[target]), -1) {
				slugs = append(slugs, strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
			}
			if !slices.Contains(slugs, m[2]) {
				t.Errorf("%s links to %s#%s, which has the headings %q", name, target, m[2], slugs)
			}
		}
	}
}

// Every block of Go is a file, or has declarations, statements or methods of an interface.
func TestBlocks_Parse(t *testing.T) {
	t.Parallel()
	for name, text := range documents(t) {
		for _, m := range goBlock.FindAllStringSubmatch(text, -1) {
			var err error
			for _, around := range [][2]string{{}, {"package p\n"}, {"package p\nfunc f() {\n", "\n}"}, {"package p\ntype t interface {\n", "}"}} {
				file := around[0] + m[1] + around[1]
				if _, err = parser.ParseFile(token.NewFileSet(), "", file, parser.SkipObjectResolution); err == nil {
					break
				}
			}
			if err != nil && !begins(m[1]) {
				t.Errorf("%s has a block that is no Go: %v\n%s", name, err, m[1])
			}
		}
	}
}

// begins reports whether a block breaks off in the middle, as one does that shows how
// something begins.
func begins(block string) bool {
	closed := block + strings.Repeat("})", 4)
	for range 9 {
		if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+closed+"\n}", parser.SkipObjectResolution); err == nil {
			return true
		}
		closed = closed[:len(closed)-1]
	}
	return false
}

var (
	qualified = regexp.MustCompile("`[&*]?(abort|aborttest|board|durable|eof|exitcode|metrics|middleware|thread)\\.([A-Z][A-Za-z0-9]*)(?:\\.([A-Z][A-Za-z0-9]*))?")
	ofType    = regexp.MustCompile("`(Lifecycle|Background|Controller|Thread|Recorder|ExitError)\\.([A-Z][A-Za-z0-9]*)")
	testName  = regexp.MustCompile("`((?:Test|Example|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]*)`")
)

// What a document names in backticks is declared: packages' names, the methods and fields
// of their types, tests.
func TestNames_AreDeclared(t *testing.T) {
	t.Parallel()
	names := declaredNames(t)
	for doc, text := range documents(t) {
		if doc == "CHANGELOG.md" {
			continue // a name may have been
		}
		for _, m := range qualified.FindAllStringSubmatch(text, -1) {
			if !names[m[1]+"."+m[2]] {
				t.Errorf("%s names %s.%s, which is not declared", doc, m[1], m[2])
			}
			if m[3] != "" && !names[m[1]+"."+m[2]+"."+m[3]] {
				t.Errorf("%s names %s.%s.%s, which is not declared", doc, m[1], m[2], m[3])
			}
		}
		for _, m := range ofType.FindAllStringSubmatch(text, -1) {
			if !names[m[1]+"."+m[2]] {
				t.Errorf("%s names %s.%s, which is not declared", doc, m[1], m[2])
			}
		}
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			if !names[m[1]] && doc != "docs/transparency.md" && !strings.HasSuffix(m[1], "_") { // that one names tests of others
				t.Errorf("%s names %s, and there is no such test", doc, m[1])
			}
		}
	}
}

// declaredNames has the exported names: package.Name, package.Type.Member, Type.Member, and those
// of tests. A type that is another's by "=" has that one's members.
func declaredNames(t *testing.T) map[string]bool {
	t.Helper()
	names, aliases := map[string]bool{}, map[string]string{}
	for _, s := range sources(t) {
		pkg := s.syntax.Name.Name
		for _, d := range s.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				switch {
				case s.test():
					names[d.Name.Name] = true
				case d.Recv == nil:
					names[pkg+"."+d.Name.Name] = true
				default:
					member(names, pkg, receiver(d), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					note(names, aliases, pkg, spec)
				}
			}
		}
	}
	for alias, of := range aliases {
		for name := range names {
			if rest, ok := strings.CutPrefix(name, of+"."); ok {
				names[alias+"."+rest] = true
			}
		}
	}
	return names
}

func member(names map[string]bool, pkg, typ, name string) {
	names[pkg+"."+typ+"."+name], names[typ+"."+name] = true, true
}

func receiver(d *ast.FuncDecl) string {
	expr := d.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if id, ok := expr.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func note(names map[string]bool, aliases map[string]string, pkg string, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, n := range spec.Names {
			names[pkg+"."+n.Name] = true
		}
	case *ast.TypeSpec:
		names[pkg+"."+spec.Name.Name] = true
		if of, ok := spec.Type.(*ast.SelectorExpr); ok && spec.Assign.IsValid() {
			aliases[pkg+"."+spec.Name.Name] = of.X.(*ast.Ident).Name + "." + of.Sel.Name
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				for _, n := range f.Names {
					member(names, pkg, spec.Name.Name, n.Name)
				}
			}
		}
	}
}

var (
	history = regexp.MustCompile(`(?i)\b(no longer|now|better|improved|improves|previously|formerly|recently|used to be)\b`)
	present = regexp.MustCompile(`(?i)\b(respond now|ends? it now|from now on|only now|leaves now|knows better|better one|no longer (sends|applies|counts?)|at work now)\b`)
)

// Documents say what is so. What was so before, and is better since, is for the CHANGELOG.
func TestProse_NoHistory(t *testing.T) {
	t.Parallel()
	for name, text := range documents(t) {
		if name == "CHANGELOG.md" {
			continue
		}
		for line := range strings.Lines(withoutCode(text)) {
			if m := history.FindString(present.ReplaceAllString(line, "")); m != "" {
				t.Errorf("%s says %q in %q: say what is so; what has changed is for the CHANGELOG", name, m, strings.TrimSpace(line))
			}
		}
	}
}
