package houserules_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What a program links that uses one of the verbs, as example/plain uses eof: chi's router,
// whose route a context has, but none of its middlewares, and no logger.
func TestDependencies_OfVerbs(t *testing.T) {
	t.Parallel()
	const alone = "./example/plain"
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
