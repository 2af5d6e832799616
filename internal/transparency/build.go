package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

type built struct{ bin, cwd string }

// build makes the test binary of a package, with mw behind its servers, or without
// one.
func build(s suite, p pkgSpec, mw *middleware) (built, error) {
	id := "base"
	if mw != nil {
		id = mw.id
	}
	if *race {
		id += "-race"
	}
	outDir := filepath.Join(*cache, "run", id, s.name)
	must(os.MkdirAll(outDir, 0o777))
	bin := filepath.Join(outDir, strings.ReplaceAll(p.dir, "/", "_")+".test")
	if p.dir == "." {
		bin = filepath.Join(outDir, "root.test")
	}
	args := []string{"test", "-c", "-vet=off", "-o", bin}
	if *race {
		args = append(args, "-race")
	}
	if s.module == "" {
		dir, err := buildStd(p, mw, args)
		return built{bin, dir}, err
	}
	dir, err := buildModule(s, p, mw, filepath.Join(outDir, "src"), args)
	return built{bin, dir}, err
}

// buildStd builds a package of the standard library.
func buildStd(p pkgSpec, mw *middleware, args []string) (dir string, err error) {
	dir = filepath.Join(goroot, "src", p.dir)
	if mw != nil {
		name, err := goCmd(dir, "list", "-f", "{{.Name}}", ".")
		if err != nil {
			return "", err
		}
		file := filepath.Join(dir, hookName)
		must(os.WriteFile(file, hook(string(name), stdPrefix+"zzhook"), 0o666))
		defer os.Remove(file)
		// x/sys/unix and others pull runtime symbols by their real path.
		args = append(args, "-ldflags=-checklinkname=0")
	}
	_, err = goCmd(dir, append(args, ".")...)
	return dir, err
}

// buildModule builds a package of a module, which it copies to mod first.
func buildModule(s suite, p pkgSpec, mw *middleware, mod string, args []string) (dir string, err error) {
	if _, err := os.Stat(mod); err != nil {
		if err := copyModule(s, mw, mod); err != nil {
			return "", err
		}
	}
	dir = filepath.Join(mod, p.dir)
	if mw != nil {
		name, err := goCmd(dir, "list", "-mod=mod", "-f", "{{.Name}}", ".")
		if err != nil {
			return "", err
		}
		mw.hookPackage(filepath.Join(mod, "zzhook"), false)
		must(os.WriteFile(filepath.Join(dir, hookName), hook(string(name), s.module+"/zzhook"), 0o666))
	}
	_, err = goCmd(dir, append(args, "-mod=mod", ".")...)
	return dir, err
}

// copyModule puts the module of s, edited and with a require line for mw, at mod.
func copyModule(s suite, mw *middleware, mod string) error {
	var info struct{ Dir, Version, Error string }
	o, err := goCmd(*cache, "mod", "download", "-json", s.module+"@"+version(s.module))
	if err != nil {
		return err
	}
	must(json.Unmarshal(o, &info))
	tmp := mod + ".tmp"
	must(os.RemoveAll(tmp))
	if out, err := exec.Command("cp", "-r", info.Dir, tmp).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %s", err, out)
	}
	exec.Command("chmod", "-R", "u+w", tmp).Run()
	applyEdits(tmp, s.edits)
	if mw != nil {
		if err := mw.require(tmp); err != nil {
			return err
		}
	}
	must(os.Rename(tmp, mod))
	return nil
}

// require adds the middleware to the go.mod in dir.
func (m *middleware) require(dir string) error {
	// The middleware's go line raises this module's, which would change the
	// GODEBUG defaults of its tests.
	var gm struct {
		Go      string
		Godebug []struct{ Key string }
	}
	o := must1(goCmd(dir, "mod", "edit", "-json"))
	must(json.Unmarshal(o, &gm))
	if v := strings.SplitN(gm.Go, ".", 3); len(v) >= 2 && len(gm.Godebug) == 0 {
		if _, err := goCmd(dir, "mod", "edit", "-godebug=default=go"+v[0]+"."+v[1]); err != nil {
			return err
		}
	}
	ed := []string{"mod", "edit", "-require=" + m.module + "@v0.0.0", "-replace=" + m.module + "=" + m.dir}
	for _, r := range m.replaces {
		ed = append(ed, "-replace="+r[0]+"="+r[1])
	}
	_, err := goCmd(dir, ed...)
	return err
}

// version pins what "latest" was when the cache was made.
func version(module string) string {
	f := filepath.Join(*cache, "versions.json")
	v := map[string]string{}
	if b, err := os.ReadFile(f); err == nil {
		must(json.Unmarshal(b, &v))
	}
	if v[module] == "" {
		var info struct{ Version string }
		must(json.Unmarshal(must1(goCmd(*cache, "mod", "download", "-json", module+"@latest")), &info))
		v[module] = info.Version
		must(os.WriteFile(f, must1(json.MarshalIndent(v, "", "  ")), 0o666))
	}
	return v[module]
}
