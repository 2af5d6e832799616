package aborttest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The recipes of docs/testing.md are those that are run, and all of them.
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
	recipe := regexp.MustCompile(`(?ms)^func TestRecipe_.*?^}$`)
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if r := recipe.FindString(string(file)); r == "" || !strings.Contains(string(doc), "```go\n"+r+"\n```") {
			t.Errorf("docs/testing.md does not have the recipe of %s as it is run", name)
		}
	}
	if n := strings.Count(string(doc), "func TestRecipe_"); n != len(files) {
		t.Errorf("docs/testing.md has %d recipes, want the %d that are run", n, len(files))
	}
}
