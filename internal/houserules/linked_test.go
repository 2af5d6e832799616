package houserules_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Who uses one of the verbs alone, as example/plain does, gets no logger, and nothing of
// chi but its router, where lastbyte looks for the route.
func TestImports_LinkedByVerbs(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./abort", "./exitcode", "./eof", "./thread", "./example/plain")
	cmd.Dir = repository
	cmd.Env = append(cmd.Environ(), "GOOS=linux") // the watcher of sockets has others elsewhere
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var others []string
	for pkg := range strings.FieldsSeq(string(out)) {
		host, _, _ := strings.Cut(pkg, "/")
		if strings.Contains(host, ".") && !strings.HasPrefix(pkg, "github.com/lastbyte-go/lastbyte/") {
			others = append(others, pkg)
		}
	}
	slices.Sort(others)
	if want := []string{"github.com/go-chi/chi/v5", "golang.org/x/sys/unix"}; !slices.Equal(others, want) {
		t.Errorf("%q needs %q of other modules, want %q", cmd.Args[3:], others, want)
	}
}
