package houserules_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// alone is a program that uses package eof, http.ServeMux and log/slog.
const alone = "./internal/houserules/testdata/alone"

// What a program links that uses one of the verbs: chi's router, whose route a context
// has, but none of its middlewares, and no logger.
func TestDependencies_OfVerbs(t *testing.T) {
	t.Parallel()
	for _, pkg := range []string{"./abort", "./exitcode", "./eof", "./thread", alone} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg)
		cmd.Dir, cmd.Stderr = repository, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", cmd, err)
		}
		deps := strings.Fields(string(out))
		if !slices.Contains(deps, module+"/internal/request") {
			t.Errorf("%s depends on %q, want internal/request among them", pkg, deps)
		}
		for _, dep := range deps {
			ours, _ := strings.CutPrefix(dep, module+"/")
			switch {
			case dep == "github.com/go-chi/chi/v5", dep == "golang.org/x/sys/unix": // see TestImports_Dependencies
			case ours == dep, ours == "middleware", ours == "board":
				t.Errorf("%s depends on %s", pkg, dep)
			case pkg == alone && slices.Contains([]string{"abort", "exitcode", "thread"}, ours):
				t.Errorf("a program with eof alone depends on %s", dep)
			}
		}
	}
}

// The program does what its words say.
func TestDependencies_EOFAlone(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "alone")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, alone)
	build.Dir, build.Stderr = repository, os.Stderr
	if err := build.Run(); err != nil {
		t.Fatalf("%v: %v", build, err)
	}
	vet := exec.CommandContext(t.Context(), "go", "vet", alone)
	vet.Dir = repository
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", vet, err, out)
	}
	run := exec.CommandContext(t.Context(), bin)
	run.Stderr = os.Stderr
	out, err := run.Output()
	want := "got the task!\n" +
		"level=INFO msg=\"task done\" name=index pattern=\"POST /tasks/{name}\"\n" +
		"level=INFO msg=drained done=1\n"
	if err != nil || string(out) != want {
		t.Errorf("%v: %v, %q, want %q", run, err, out, want)
	}
}
