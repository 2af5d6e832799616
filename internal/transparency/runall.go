package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func topLevel(t string) string { t, _, _ = strings.Cut(t, "/"); return t }

func anchored(tests []string) string { return "^(" + strings.Join(tests, "|") + ")$" }

func list(b built, p pkgSpec) ([]string, error) {
	cmd := exec.Command(b.bin, "-test.list=.")
	cmd.Dir, cmd.Env = b.cwd, goEnv()
	out, err := cmd.Output()
	var tests []string
	sel := regexp.MustCompile(p.run)
	sel2 := regexp.MustCompile(*runRe)
	for _, l := range strings.Fields(string(out)) {
		if (strings.HasPrefix(l, "Test") || strings.HasPrefix(l, "Example") || strings.HasPrefix(l, "Fuzz")) && sel.MatchString(l) && sel2.MatchString(l) {
			tests = append(tests, l)
		}
	}
	if len(tests) == 0 && err != nil {
		return nil, fmt.Errorf("%s -test.list: %v: %s", b.bin, err, out)
	}
	return tests, nil
}

// runAll runs every test; after a crash or a hang it blames the tests that
// were open, runs those alone, and goes on with the rest.
func runAll(b built, p pkgSpec) (results, error) {
	all := results{Status: map[string]string{}, Output: map[string]string{}}
	pending, err := list(b, p)
	if err != nil {
		return all, err
	}
	merge := func(r results, drop map[string]bool) {
		for t, s := range r.Status {
			if !drop[topLevel(t)] {
				all.Status[t] = s
				if o := r.Output[t]; o != "" {
					all.Output[t] = o
				}
			}
		}
		all.Elapsed += r.Elapsed
		all.MaxGap = max(all.MaxGap, r.MaxGap)
	}
	alone := func(t string) {
		r, open, err := execute(b, p, anchored([]string{t}), 45*time.Second)
		merge(r, nil)
		if len(open) > 0 || (err != nil && r.Status[t] != "fail") {
			all.Status[t] = "crash"
			all.Output[t] = r.Output[t] + r.Output[""]
			for _, o := range open {
				all.Status[o] = "crash"
			}
		}
	}
	limit, begin := *timeout, time.Now()
	for round := 0; len(pending) > 0; round++ {
		run := anchored(pending)
		r, open, exitErr := execute(b, p, run, limit)
		drop := map[string]bool{}
		for _, t := range open {
			drop[topLevel(t)] = true
		}
		merge(r, drop)
		before := len(pending)
		pending = slices.DeleteFunc(pending, func(t string) bool { return r.Status[t] != "" || drop[t] })
		if len(drop) == 0 {
			if exitErr != nil && !slices.Contains(slices.Collect(maps.Values(r.Status)), "fail") {
				// Every test passed and still the binary failed (TestMain: leaks).
				all.Status["(exit)"] = "fail"
				all.Output["(exit)"] = r.Output[""]
			}
			for _, t := range pending {
				if exitErr == nil && r.Note == "" {
					all.Status[t] = "missing" // e.g. an example without output
				}
			}
			if exitErr == nil || r.Note == "" || len(pending) == before {
				break
			}
			continue
		}
		logf("    crash or hang, open: %v", slices.Sorted(maps.Keys(drop)))
		for _, t := range slices.Sorted(maps.Keys(drop)) {
			if time.Since(begin) < *pkgLimit {
				alone(t)
			} else {
				all.Status[t] = "crash" // open at a crash, and not run alone
			}
		}
		// Hangs cost a whole limit each: shorten what follows.
		if round >= 1 && limit > 3*time.Minute {
			limit = 3 * time.Minute
		}
		if round > 25 || time.Since(begin) > *pkgLimit {
			all.Note = fmt.Sprintf("gave up after %d crashes or hangs, %d top-level tests not run", round+1, len(pending))
			break
		}
	}
	for t, s := range all.Status {
		if s == "missing" {
			delete(all.Status, t)
		}
	}
	return all, nil
}

func test2json() string {
	f := filepath.Join(*cache, "test2json")
	if _, err := os.Stat(f); err != nil {
		_, err := goCmd(filepath.Join(goroot, "src"), "build", "-o", f, "cmd/test2json")
		must(err)
	}
	return f
}

// --------------------------------------------------------------- compare
