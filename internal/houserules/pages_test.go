package houserules_test

import (
	"go/ast"
	"strings"
	"testing"
)

// The page of a package begins with a sentence about it, and has a piece of a program and
// the limits.
func TestPages_HaveAProgramAndLimits(t *testing.T) {
	t.Parallel()
	pages := map[string]string{}
	for _, s := range sources(t) {
		if !s.test() && s.syntax.Doc != nil {
			pages[s.pkg()] += docText(s.syntax.Doc)
		}
	}
	for _, pkg := range append([]string{".", "durable", "metrics"}, published...) {
		page := pages[pkg]
		name := pkg
		if pkg == "." {
			name = "lastbyte"
		}
		if !strings.HasPrefix(page, "Package "+name+" ") {
			t.Errorf("the page of package %s begins with %.40q, want Package %s", pkg, page, name)
		}
		if !strings.Contains(page, "\n\t") {
			t.Errorf("the page of package %s has no program", pkg)
		}
		if !strings.Contains(page, "\n# Limits\n") {
			t.Errorf("the page of package %s has no limits", pkg)
		}
		if n := strings.Count(page, "\n"); n > 60 {
			t.Errorf("the page of package %s has %d lines, want at most 60", pkg, n)
		}
	}
}

// docText is a comment without its slashes.
func docText(c *ast.CommentGroup) string {
	var b strings.Builder
	for _, line := range c.List {
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(line.Text, "//"), " ") + "\n")
	}
	return b.String()
}
