package houserules_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/lastbyte-go/lastbyte"

// goList gives a list that `go list` knows of each package of the module, under
// the package's path inside of it.
func goList(t *testing.T, field string) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .`+field+` " "}}`, "./...")
	cmd.Dir = repository
	out, err := cmd.Output()
	if err != nil {
		if e, ok := err.(*exec.ExitError); ok {
			err = fmt.Errorf("%w: %s", err, e.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	lists := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		lists[inside(words[0])] = words[1:]
	}
	if len(lists) < 9 {
		t.Fatalf("go list knows %d packages, want 9 or more", len(lists))
	}
	return lists
}

// inside gives the path of a package of the module inside of it, "." for the
// module's own, and any other path as it is.
func inside(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}
