package houserules_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

const isProgram = "package main\n"

// Every Go block of the README is a program, and compiles, and so does every block of the
// guides that is one.
func TestREADME_ProgramsCompile(t *testing.T) {
	t.Parallel()
	dir, pkgs := programs(t, func(text string) string { return text })
	args := append([]string{"vet"}, pkgs...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go %q: %v\n%s", args, err, out)
	}
}

// No result of theirs is dropped by mistake. errcheck is not at hand everywhere, so .ci/run
// asks for it.
func TestREADME_ProgramsCheckErrors(t *testing.T) {
	if os.Getenv("LASTBYTE_ERRCHECK") == "" {
		t.Skip("LASTBYTE_ERRCHECK is not set")
	}
	t.Parallel()
	dir, pkgs := programs(t, func(text string) string { return text })
	tools, err := filepath.Abs(filepath.Join(repository, ".ci", "tools.mod"))
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"tool", "-modfile=" + tools, "errcheck", "../example/openresty", "../example/plain"}, pkgs...)
	for _, pkg := range guides {
		if strings.HasPrefix(pkg, "example/") {
			args = append(args, "../"+pkg)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go %q: %v\n%s", args, err, out)
	}
}

// programs writes those of the README, changed, into packages of this module.
func programs(t *testing.T, change func(text string) string) (dir string, pkgs []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if os.IsNotExist(err) {
		t.Skip("there is no README.md")
	}
	blocks := goBlock.FindAllStringSubmatch(string(text), -1)
	if err != nil || len(blocks) == 0 {
		t.Fatalf("README.md has %d Go blocks, %v, want at least one", len(blocks), err)
	}
	for i, b := range blocks {
		if !strings.HasPrefix(b[1], isProgram) {
			t.Errorf("Go block %d of README.md begins with %.20q, want package main", i+1, b[1])
		}
	}
	guides, err := filepath.Glob(filepath.Join(repository, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range guides {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, goBlock.FindAllStringSubmatch(string(text), -1)...)
	}
	// Inside of the module, so that its go.mod counts; the underscore hides it
	// from ./...
	dir, err = os.MkdirTemp(repository, "_readme")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for i, b := range blocks {
		if !strings.HasPrefix(b[1], isProgram) || asItIs(t, b[1]) {
			continue
		}
		pkg := fmt.Sprint("block", i+1)
		if err := os.Mkdir(filepath.Join(dir, pkg), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, pkg, "main.go"), []byte(change(b[1])), 0o644); err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, "./"+pkg)
	}
	return dir, pkgs
}
