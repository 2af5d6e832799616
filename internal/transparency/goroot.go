package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// hookSource goes into the copy of net/http.
//
//go:embed hook.go.txt
var hookSource []byte

func prepareGoroot() {
	for _, p := range suites[0].pkgs { // left by a run that was killed
		os.Remove(filepath.Join(goroot, "src", p.dir, hookName))
	}
	stamp := filepath.Join(goroot, ".transparency")
	ver := string(must1(os.ReadFile(filepath.Join(*srcRoot, "VERSION"))))
	want := ver + "\n" + fmt.Sprint(stdEdits) + string(hookSource)
	if b, err := os.ReadFile(stamp); err == nil && string(b) == want {
		return
	}
	logf("copying %s to %s and patching it", *srcRoot, goroot)
	must(os.RemoveAll(goroot))
	must(os.MkdirAll(goroot, 0o777))
	for _, d := range []string{"VERSION", "go.env", "bin", "lib", "pkg", "src"} {
		if out, err := exec.Command("cp", "-a", filepath.Join(*srcRoot, d), goroot).CombinedOutput(); err != nil {
			fatalf("%v: %s", err, out)
		}
	}
	must(os.WriteFile(filepath.Join(goroot, "src/net/http/zz_transparency_hook.go"), hookSource, 0o666))
	applyEdits(filepath.Join(goroot, "src"), stdEdits)
	must(os.WriteFile(stamp, []byte(want), 0o666))
}

func applyEdits(dir string, edits []edit) {
	for _, e := range edits {
		f := filepath.Join(dir, e.file)
		must(os.Chmod(f, 0o666))
		b := string(must1(os.ReadFile(f)))
		if n := strings.Count(b, e.old); n != 1 {
			fatalf("%s: %q occurs %d times, want once: adapt the edit", f, e.old, n)
		}
		must(os.WriteFile(f, []byte(strings.Replace(b, e.old, e.new, 1)), 0o666))
	}
}

func goEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "GOROOT=") || strings.HasPrefix(s, "GOFLAGS=") || strings.HasPrefix(s, "GOWORK=")
	})
	return append(env,
		"PATH="+filepath.Join(goroot, "bin")+":"+os.Getenv("PATH"),
		"GOCACHE="+filepath.Join(*cache, "gocache"),
		"GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS=-buildvcs=false")
}

func goCmd(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command(filepath.Join(goroot, "bin/go"), args...)
	cmd.Dir, cmd.Env = dir, goEnv()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("go %s (in %s): %v\n%s", strings.Join(args, " "), dir, err, stderr.Bytes())
	}
	return out, nil
}
