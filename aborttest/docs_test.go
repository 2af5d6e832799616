package aborttest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The recipes that docs/testing.md shows are those that are run, and it leads to all of them.
func TestDocs_Recipes(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("recipe_*_test.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("Glob = %q, %v, want five recipes", files, err)
	}
	shown := 0
	recipe := regexp.MustCompile(`(?ms)^func TestRecipe_.*?^}$`)
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := recipe.FindString(string(file))
		if r == "" || !strings.Contains(string(doc), "(../aborttest/"+name+")") && !strings.Contains(string(doc), "```go\n"+r+"\n```") {
			t.Errorf("docs/testing.md neither has the recipe of %s as it is run nor links to it", name)
		}
		shown += strings.Count(string(doc), r)
	}
	if n := strings.Count(string(doc), "func TestRecipe_"); n == 0 || n != shown {
		t.Errorf("docs/testing.md has %d recipes, of which %d are as they are run: want one or more, and all", n, shown)
	}
}
