package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// fails runs one top-level test alone up to n times, a minute or so in all.
func fails(b built, p pkgSpec, top string, n int) (failed, runs int) {
	for start := time.Now(); runs < n && time.Since(start) < 50*time.Second; runs++ {
		x, open, err := execute(b, p, anchored([]string{top}), time.Minute)
		if len(open) > 0 || err != nil || x.Status[top] != "pass" {
			failed++
		}
	}
	return failed, runs
}

func selected(t string) bool {
	ok, _ := regexp.MatchString(*runRe, topLevel(t))
	return ok
}

func regresses(r row, top string) bool {
	for t, s := range r.wrap.Status {
		if topLevel(t) == top && bad(s) && !hasFailingChild(r.wrap, t) && r.base.Status[t] == "pass" {
			return true
		}
	}
	return false
}

// bad reports whether a test with this status has failed.
func bad(status string) bool { return status == "fail" || status == "crash" }

func hasFailingChild(r results, t string) bool {
	for c, s := range r.Status {
		if strings.HasPrefix(c, t+"/") && bad(s) {
			return true
		}
	}
	return false
}

func failingTop(r results) []string {
	m := map[string]bool{}
	for t, s := range r.Status {
		if bad(s) {
			m[topLevel(t)] = true
		}
	}
	return slices.Sorted(maps.Keys(m))
}

func count(r results) (pass, fail, skip int) {
	for _, s := range r.Status {
		switch s {
		case "pass":
			pass++
		case "skip":
			skip++
		default:
			fail++
		}
	}
	return
}

func report(rows []row, mw *middleware, d time.Duration) {
	fmt.Printf("\n%-28s | %5s %5s %5s %6s | %5s %5s %5s %6s | %s\n", "suite (tests+subtests)", "pass", "fail", "skip", "sec", "pass", "fail", "skip", "sec", "regressed")
	fmt.Println(strings.Repeat("-", 110))
	total := 0
	for _, r := range rows {
		r.printCounts(mw != nil)
		total += len(r.regressed)
	}
	for _, r := range rows {
		r.printTests()
	}
	if mw != nil {
		fmt.Printf("\n%d regressions, %s; outputs in %s\n", total, d.Round(time.Second), filepath.Join(*cache, "results", mw.id))
	}
}

func (r *row) printCounts(wrapped bool) {
	bp, bf, bs := count(r.base)
	fmt.Printf("%-28s | %5d %5d %5d %6.1f |", r.name, bp, bf, bs, r.base.Elapsed)
	if wrapped {
		wp, wf, ws := count(r.wrap)
		fmt.Printf(" %5d %5d %5d %6.1f | %d", wp, wf, ws, r.wrap.Elapsed, len(r.regressed))
		if len(r.flaky) > 0 {
			fmt.Printf(" (+%d flaky)", len(r.flaky))
		}
		if len(r.lost) > 0 {
			fmt.Printf(" (+%d not run)", len(r.lost))
		}
	}
	if r.err != "" {
		fmt.Printf("  ERROR")
	}
	fmt.Println()
}

func (r *row) printTests() {
	if r.err != "" {
		fmt.Printf("\nERROR %s: %s\n", r.name, r.err)
	}
	for _, l := range []struct {
		what  string
		tests []string
	}{{"REGRESSED", r.regressed}, {"documented difference", r.documented}, {"does not fail every time", r.flaky}, {"no longer run", r.lost}} {
		if len(l.tests) > 0 {
			fmt.Printf("\n%s in %s:\n", l.what, r.name)
			for _, t := range l.tests {
				fmt.Printf("  %s\n", t)
			}
		}
	}
	if f := failingTop(r.base); len(f) > 0 {
		fmt.Printf("\n(failing in the baseline of %s: %s)\n", r.name, strings.Join(f, " "))
	}
}
