package houserules_test

import (
	"go/ast"
	"regexp"
	"slices"
	"testing"
)

// docLink is a link of a doc comment to a name of its own package or of another one.
var docLink = regexp.MustCompile(`(?:^|[\s(])\[\*?(?:([a-z]+)\.)?([A-Z][A-Za-z0-9]*)(?:\.([A-Z][A-Za-z0-9]*))?\]`)

// What a doc comment of a published package links to, as [Name] or [Type.Method], is
// declared. pkg.go.dev leaves a link to nothing in its brackets.
func TestDocLinks_LeadToNames(t *testing.T) {
	t.Parallel()
	names, links := declaredNames(t), 0
	for _, s := range sources(t) {
		if s.test() || !slices.Contains(append([]string{"durable", "metrics"}, published...), s.pkg()) {
			continue
		}
		for _, group := range docs(s.syntax) {
			for _, m := range docLink.FindAllStringSubmatch(docText(group), -1) {
				pkg, name := s.syntax.Name.Name, m[2]
				if m[1] != "" {
					pkg = m[1]
				}
				if m[3] != "" {
					name += "." + m[3]
				}
				links++
				if slices.Contains(published, pkg) && !names[pkg+"."+name] {
					t.Errorf("%s: a doc comment links to [%s.%s], which is not declared", s.path, pkg, name)
				}
			}
		}
	}
	if links < 50 {
		t.Errorf("there are %d links in doc comments, want 50 or more", links)
	}
}

// docs are the doc comments of a file, its package's included.
func docs(file *ast.File) (all []*ast.CommentGroup) {
	ast.Inspect(file, func(n ast.Node) bool {
		var doc *ast.CommentGroup
		switch n := n.(type) {
		case *ast.File:
			doc = n.Doc
		case *ast.FuncDecl:
			doc = n.Doc
		case *ast.GenDecl:
			doc = n.Doc
		case *ast.TypeSpec:
			doc = n.Doc
		case *ast.ValueSpec:
			doc = n.Doc
		case *ast.Field:
			doc = n.Doc
		}
		if doc != nil {
			all = append(all, doc)
		}
		return true
	})
	return all
}
