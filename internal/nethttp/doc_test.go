package nethttp_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The list of the package doc names each canary, and no other test.
func TestDoc_ListsEachCanary(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("nethttp.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, _, _ := strings.Cut(string(text), "\npackage nethttp\n")
	listed := regexp.MustCompile(`\bTest\w+`).FindAllString(doc, -1)
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	tests := []string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			if m[1] != t.Name() {
				tests = append(tests, m[1])
			}
		}
	}
	for _, name := range tests {
		if !slices.Contains(listed, name) {
			t.Errorf("%s is not in the list of the package doc", name)
		}
	}
	for _, name := range listed {
		if !slices.Contains(tests, name) {
			t.Errorf("the package doc lists %s, which does not exist", name)
		}
	}
}
