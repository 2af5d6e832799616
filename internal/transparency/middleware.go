package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type middleware struct {
	dir, expr string
	imports   []string // "path" or "alias path"
	module    string
	replaces  [][2]string
	id        string
}

func loadMiddleware(dir, expr, imports string) *middleware {
	m := &middleware{expr: expr}
	m.dir = must1(filepath.Abs(dir))
	for _, i := range strings.Split(imports, ";") {
		if i = strings.TrimSpace(i); i != "" && i != "net/http" {
			m.imports = append(m.imports, strings.Replace(i, "=", " ", 1))
		}
	}
	var mod struct {
		Module  struct{ Path string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	must(json.Unmarshal(must1(goCmd(m.dir, "mod", "edit", "-json")), &mod))
	m.module = mod.Module.Path
	for _, r := range mod.Replace {
		o, n := r.Old.Path, r.New.Path
		if r.Old.Version != "" {
			o += "@" + r.Old.Version
		}
		if r.New.Version != "" {
			n += "@" + r.New.Version
		} else if !filepath.IsAbs(n) {
			n = filepath.Join(m.dir, n)
		}
		m.replaces = append(m.replaces, [2]string{o, n})
	}
	m.id = regexp.MustCompile(`[^A-Za-z0-9_.-]+`).ReplaceAllString(filepath.Base(m.dir)+"_"+expr, "_")
	if len(m.id) > 60 {
		m.id = m.id[:60]
	}
	must(os.RemoveAll(filepath.Join(*cache, "run", m.id)))
	m.copyToStd()
	return m
}

func importPath(i string) (alias, path string) {
	if a, p, ok := strings.Cut(i, " "); ok {
		return a + " ", strings.TrimSpace(p)
	}
	return "", i
}

const stdPrefix = "zzmw/"

// copyToStd copies the middleware's packages, and what they depend on outside
// std, below GOROOT/src/zzmw with their imports rewritten: a path without a dot
// in its first element is a std package, which std tests may import.
func (m *middleware) copyToStd() {
	dst := filepath.Join(goroot, "src", "zzmw")
	must(os.RemoveAll(dst))
	m.hookPackage(filepath.Join(dst, "zzhook"), true)
	if len(m.imports) == 0 {
		return
	}
	pkgs := m.packages()
	ours := map[string]bool{}
	for _, p := range pkgs {
		ours[p.ImportPath] = true
	}
	for _, p := range pkgs {
		p.copy(filepath.Join(dst, p.ImportPath), ours)
	}
	logf("middleware %s: %d packages copied into GOROOT/src/zzmw", m.module, len(pkgs))
}

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Dir                               string
	Standard                                      bool
	GoFiles, SFiles, HFiles, CgoFiles, EmbedFiles []string
}

// packages gives the middleware's packages and what they depend on outside std.
func (m *middleware) packages() (pkgs []listed) {
	// List in a copy of go.mod, so that the module is left as it is.
	tmp := must1(os.MkdirTemp(*cache, "mod"))
	defer os.RemoveAll(tmp)
	for _, f := range []string{"go.mod", "go.sum"} {
		if b, err := os.ReadFile(filepath.Join(m.dir, f)); err == nil {
			must(os.WriteFile(filepath.Join(tmp, f), b, 0o666))
		}
	}
	args := []string{"list", "-modfile=" + filepath.Join(tmp, "go.mod"), "-mod=mod", "-deps",
		"-json=ImportPath,Dir,Standard,GoFiles,SFiles,HFiles,CgoFiles,EmbedFiles"}
	for _, i := range m.imports {
		_, p := importPath(i)
		args = append(args, p)
	}
	for d := json.NewDecoder(bytes.NewReader(must1(goCmd(m.dir, args...)))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return pkgs
		} else {
			must(err)
		}
		if !p.Standard {
			pkgs = append(pkgs, p)
		}
	}
}

// copy puts the package into the directory to, with stdPrefix before each import
// of a package in ours.
func (p listed) copy(to string, ours map[string]bool) {
	if len(p.CgoFiles) > 0 {
		fatalf("%s uses cgo: not supported", p.ImportPath)
	}
	must(os.MkdirAll(to, 0o777))
	for _, f := range slices.Concat(p.SFiles, p.HFiles, p.EmbedFiles) {
		must(os.MkdirAll(filepath.Dir(filepath.Join(to, f)), 0o777))
		must(os.WriteFile(filepath.Join(to, f), must1(os.ReadFile(filepath.Join(p.Dir, f))), 0o666))
	}
	for _, f := range p.GoFiles {
		src := must1(os.ReadFile(filepath.Join(p.Dir, f)))
		fset := token.NewFileSet()
		file := must1(parser.ParseFile(fset, f, src, parser.ImportsOnly))
		for _, im := range slices.Backward(file.Imports) {
			path := must1(strconv.Unquote(im.Path.Value))
			if ours[path] {
				a, b := fset.Position(im.Path.Pos()).Offset, fset.Position(im.Path.End()).Offset
				src = slices.Concat(src[:a], []byte(strconv.Quote(stdPrefix+path)), src[b:])
			}
		}
		must(os.WriteFile(filepath.Join(to, f), src, 0o666))
	}
}

// hookPackage writes the package whose init sets http.TestWrapHandler. It is a
// package of its own so that its names meet none of the tests' names.
func (m *middleware) hookPackage(dir string, std bool) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "package zzhook\n\nimport (\n\thttp \"net/http\"\n")
	for _, i := range m.imports {
		alias, path := importPath(i)
		first, _, _ := strings.Cut(path, "/")
		if std && strings.Contains(first, ".") {
			path = stdPrefix + path
		}
		fmt.Fprintf(&b, "\t%s%q\n", alias, path)
	}
	fmt.Fprintf(&b, ")\n\nfunc init() {\n\tvar wrap func(http.Handler) http.Handler = %s\n\thttp.TestWrapHandler = wrap\n}\n", m.expr)
	must(os.MkdirAll(dir, 0o777))
	must(os.WriteFile(filepath.Join(dir, "hook.go"), b.Bytes(), 0o666))
}

// hook is the external test file that links the hook package in.
func hook(pkg, path string) []byte {
	return fmt.Appendf(nil, "package %s_test\n\nimport _ %q\n", strings.TrimSpace(pkg), path)
}
