package lastbyte_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const module = "github.com/lastbyte-go/lastbyte"

// The tests of this package are on real sockets: no bubble tells of a goroutine
// that they leave behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(5 * time.Second); code == 0 && len(left) > 0 {
		fmt.Printf("%d goroutines are left after the tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// leaked gives the goroutines that are still there after limit, but this one,
// the runtime's and the watcher of sockets, which is made to stay. There is no
// event that says the last one is gone: it has to look again.
func leaked(limit time.Duration) []string {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(limit); ; <-again.C {
		left := goroutines()
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

func goroutines() []string {
	buf := make([]byte, 1<<20)
	all := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(all[1:], func(g string) bool { // the first is this one
		return strings.Contains(g, module+"/internal/peer.") || strings.Contains(g, "os/signal.")
	})
}

// goList gives a list that `go list` knows of each package of the module, under
// the package's path inside of it.
func goList(t *testing.T, field string) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .`+field+` " "}}`, "./...")
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

var verbs = []string{"abort", "exitcode", "eof", "thread"}

// Imports point down only: middleware, the four verbs, internal/request and its
// helpers, which know nothing of a request.
func TestImports_PointDown(t *testing.T) {
	t.Parallel()
	helpers := map[string][]string{
		"internal/gate":      {},
		"internal/header":    {},
		"internal/lifecycle": {},
		"internal/nethttp":   {},
		"internal/peer":      {},
		"internal/verdict":   {"internal/nethttp", "internal/peer"},
	}
	core := slices.Sorted(maps.Keys(helpers))
	below := map[string][]string{".": {}, "internal/request": core}
	maps.Copy(below, helpers)
	core = append(slices.Clip(core), "internal/request")
	for _, v := range verbs {
		below[v] = core
	}
	below["middleware"] = append(slices.Clip(core), verbs...)
	deps := goList(t, "Deps")
	for pkg, want := range below {
		list, ok := deps[pkg]
		if !ok {
			t.Errorf("there is no package %s, want one", pkg)
		}
		for _, dep := range list {
			if strings.HasPrefix(dep, module) && !slices.Contains(want, inside(dep)) {
				t.Errorf("%s depends on %s, want only %q", pkg, dep, want)
			}
		}
	}
}

// Each dependency has one package that imports it; examples are the user's side.
func TestImports_Dependencies(t *testing.T) {
	t.Parallel()
	only := map[string]string{
		"github.com/go-chi/chi/v5": "internal/request",
		"github.com/rs/zerolog":    "middleware",
		"golang.org/x/sys/unix":    "internal/peer",
		"testing":                  "internal/pipenet",
	}
	for pkg, list := range goList(t, "Imports") {
		if strings.HasPrefix(pkg, "example") {
			continue
		}
		for _, path := range list {
			if strings.HasPrefix(path, module) {
				continue
			}
			known := !strings.Contains(path, ".") // the standard library
			for dep, where := range only {
				if path == dep || strings.HasPrefix(path, dep+"/") {
					known = pkg == where
				}
			}
			if !known {
				t.Errorf("%s imports %s, want it nowhere but in %v", pkg, path, only)
			}
		}
	}
}

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// Every Go block of the README is a program, and compiles.
func TestREADME_ProgramsCompile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if os.IsNotExist(err) {
		t.Skip("there is no README.md")
	}
	blocks := goBlock.FindAllStringSubmatch(string(text), -1)
	if err != nil || len(blocks) == 0 {
		t.Fatalf("README.md has %d Go blocks, %v, want at least one", len(blocks), err)
	}
	// Inside of the module, so that its go.mod counts; the underscore hides it
	// from ./...
	dir, err := os.MkdirTemp(".", "_readme")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	args := []string{"vet"}
	for i, b := range blocks {
		if !strings.HasPrefix(b[1], "package main\n") {
			t.Errorf("Go block %d of README.md begins with %.20q, want package main", i+1, b[1])
			continue
		}
		pkg := filepath.Join(dir, fmt.Sprint("block", i+1))
		if err := os.Mkdir(pkg, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pkg, "main.go"), []byte(b[1]), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, "./"+filepath.ToSlash(pkg))
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Errorf("go %q: %v\n%s", args, err, out)
	}
}
