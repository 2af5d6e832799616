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
	tests, err := list(b, p)
	all := &everything{built: b, pkgSpec: p, pending: tests,
		results: results{Status: map[string]string{}, Output: map[string]string{}}}
	if err != nil {
		return all.results, err
	}
	limit, begin := *timeout, time.Now()
	for round := 0; len(all.pending) > 0; round++ {
		crashed, again := all.round(limit)
		if len(crashed) == 0 {
			if again {
				continue
			}
			break
		}
		logf("    crash or hang, open: %v", crashed)
		for _, t := range crashed {
			if time.Since(begin) < *pkgLimit {
				all.alone(t)
			} else {
				all.Status[t] = "crash" // open at a crash, and not run alone
			}
		}
		// Hangs cost a whole limit each: shorten what follows.
		if round >= 1 && limit > 3*time.Minute {
			limit = 3 * time.Minute
		}
		if round > 25 || time.Since(begin) > *pkgLimit {
			all.Note = fmt.Sprintf("gave up after %d crashes or hangs, %d top-level tests not run", round+1, len(all.pending))
			break
		}
	}
	return all.results, nil
}

// everything is what runAll has of a test binary so far.
type everything struct {
	built
	pkgSpec
	results
	pending []string // top-level tests that have not run
}

// round runs the tests that are pending. It gives the top-level tests that were
// open at a crash or a hang; if there are none, again says whether tests are left
// that another round may run.
func (all *everything) round(limit time.Duration) (crashed []string, again bool) {
	r, open, exitErr := execute(all.built, all.pkgSpec, anchored(all.pending), limit)
	drop := map[string]bool{}
	for _, t := range open {
		drop[topLevel(t)] = true
	}
	all.merge(r, drop)
	before := len(all.pending)
	all.pending = slices.DeleteFunc(all.pending, func(t string) bool { return r.Status[t] != "" || drop[t] })
	if len(drop) > 0 {
		return slices.Sorted(maps.Keys(drop)), false
	}
	if exitErr != nil && !slices.Contains(slices.Collect(maps.Values(r.Status)), "fail") {
		// Every test passed and still the binary failed (TestMain: leaks).
		all.Status["(exit)"] = "fail"
		all.Output["(exit)"] = r.Output[""]
	}
	// Without an error, what is still pending has no outcome, as an example
	// without output.
	return nil, exitErr != nil && r.Note != "" && len(all.pending) < before
}

// merge adds the results of a run but those of the top-level tests in drop.
func (all *everything) merge(r results, drop map[string]bool) {
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

// alone runs a test that was open at a crash or a hang by itself.
func (all *everything) alone(t string) {
	r, open, err := execute(all.built, all.pkgSpec, anchored([]string{t}), 45*time.Second)
	all.merge(r, nil)
	if len(open) > 0 || (err != nil && r.Status[t] != "fail") {
		all.Status[t] = "crash"
		all.Output[t] = r.Output[t] + r.Output[""]
		for _, o := range open {
			all.Status[o] = "crash"
		}
	}
}

func test2json() string {
	f := filepath.Join(*cache, "test2json")
	if _, err := os.Stat(f); err != nil {
		_, err := goCmd(filepath.Join(goroot, "src"), "build", "-o", f, "cmd/test2json")
		must(err)
	}
	return f
}
