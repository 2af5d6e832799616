package houserules_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	mapRow   = regexp.MustCompile("(?m)^\\| `([a-z/0-9]+)` \\|")
	filePath = regexp.MustCompile("`((?:abort|board|eof|exitcode|thread|middleware|example|docs|internal)/[A-Za-z0-9_./]+)`")
)

// The map in CONTRIBUTING.md has a row for each package, and what it names is there.
func TestMap_PackagesAndFiles(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, m := range mapRow.FindAllStringSubmatch(string(text), -1) {
		rows[m[1]] = true
	}
	for _, r := range house {
		if r.pkg != "." && !rows[r.pkg] {
			t.Errorf("the map in CONTRIBUTING.md has no row for %s, want one", r.pkg)
		}
	}
	for _, m := range filePath.FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join(repository, filepath.FromSlash(strings.TrimSuffix(m[1], "/")))); err != nil {
			t.Errorf("CONTRIBUTING.md names %s: %v", m[1], err)
		}
	}
}
