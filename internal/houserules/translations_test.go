package houserules_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A translation has the headings, the code and the tables of what it translates.
func TestTranslations_KeepStep(t *testing.T) {
	t.Parallel()
	var names []string
	for _, pattern := range []string{"*.zh-CN.md", "docs/*.zh-CN.md"} {
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	if len(names) == 0 {
		t.Fatal("there is no translation")
	}
	for _, name := range names {
		got, want := shapeOf(t, name), shapeOf(t, strings.Replace(name, ".zh-CN", "", 1))
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Errorf("%s, part %d: %q, want %q", filepath.Base(name), i+1, at(got, i), at(want, i))
				break
			}
		}
	}
}

func at(parts []string, i int) string {
	if i < len(parts) {
		return parts[i]
	}
	return "nothing more"
}

// Code in a table's cell, commands included, is the same in each language.
var inCell = regexp.MustCompile("`[^`]*`")

// shapeOf lists what a text and its translation have in common, in order.
func shapeOf(t *testing.T, name string) (parts []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	code := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			code = !code
			parts = append(parts, line)
		case code, strings.HasPrefix(line, "    "):
			parts = append(parts, line)
		case strings.HasPrefix(line, "#"):
			parts = append(parts, line[:strings.IndexByte(line, ' ')]+" a heading")
		case strings.HasPrefix(line, "|"):
			words := inCell.FindAllString(line, -1)
			slices.Sort(words)
			words = slices.Compact(words)
			cells := strings.Count(inCell.ReplaceAllString(line, ""), "|") - 1
			parts = append(parts, strings.Repeat("| ", cells)+strings.Join(words, " "))
		}
	}
	return parts
}
