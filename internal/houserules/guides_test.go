package houserules_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guides have the program of the directory beside them. It is compiled there, and run by the
// tests that stand beside it.
var guides = map[string]string{
	"background":       "example/webhook",
	"behind-a-proxy":   "example/proxied",
	"board":            "example/live",
	"frameworks":       "internal/thirdparty/frameworks/service",
	"logging":          "example/api",
	"middleware-order": "example/order",
	"shutdown":         "example/shutdown",
	"streaming":        "example/streaming",
	"timeouts":         "example/timeouts",
	"transactions":     "internal/thirdparty/sql/report",
	"uploads":          "example/uploads",
	"websockets":       "internal/thirdparty/websocket/chat",
}

// twoScreens is how many lines a guide may have.
const twoScreens = 130

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A guide has its program as it is run, names the directory, and fits on two screens.
func TestGuides_Programs(t *testing.T) {
	t.Parallel()
	for guide, dir := range guides {
		text := document(t, "docs/"+guide+".md")
		if n := strings.Count(text, "\n"); n > twoScreens {
			t.Errorf("docs/%s.md has %d lines, want at most %d", guide, n, twoScreens)
		}
		if !strings.Contains(text, "(../"+dir+"/main.go)") {
			t.Errorf("docs/%s.md does not link to %s/main.go", guide, dir)
		}
		program := document(t, dir+"/main.go")
		program = program[strings.Index(program, isProgram):]
		if !strings.Contains(text, "```go\n"+program+"```\n") {
			t.Errorf("docs/%s.md does not have the program of %s/main.go as it is", guide, dir)
		}
		tests, err := filepath.Glob(filepath.Join(repository, filepath.FromSlash(dir), "*_test.go"))
		if err != nil || len(tests) == 0 {
			t.Errorf("%s has the tests %q, %v, want some", dir, tests, err)
		}
	}
}

// The index leads to every document.
func TestGuides_Index(t *testing.T) {
	t.Parallel()
	index := document(t, "docs/README.md")
	entries, err := os.ReadDir(filepath.Join(repository, "docs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".md") && name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not link to %s", name)
		}
	}
}

// asItIs reports whether a program is one of the repository's, which is compiled there.
func asItIs(t *testing.T, program string) bool {
	t.Helper()
	for _, s := range sources(t) {
		if s.syntax.Name.Name != "main" || !strings.HasSuffix(s.path, "/main.go") {
			continue
		}
		if slices.Contains(strings.SplitAfterN(document(t, s.path), isProgram, 2), strings.TrimPrefix(program, isProgram)) {
			return true
		}
	}
	return false
}
