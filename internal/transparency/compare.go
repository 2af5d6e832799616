package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"
)

type row struct {
	name       string
	base, wrap results
	regressed  []string
	documented []string // regressions that docs/transparency.md explains
	flaky      []string
	lost       []string
	err        string
}

func runOne(s suite, p pkgSpec, mw *middleware) (r row) {
	stallTime = 60 * time.Second
	r.name = s.name + "/" + p.dir
	if s.module == "" {
		r.name = p.dir
	}
	dirID := "base"
	if *race {
		dirID += "-race"
	}
	baseFile := filepath.Join(*cache, "results", dirID, strings.ReplaceAll(r.name, "/", "_")+".json")
	must(os.MkdirAll(filepath.Dir(baseFile), 0o777))
	if b, err := os.ReadFile(baseFile); err == nil && !*rebase {
		must(json.Unmarshal(b, &r.base))
	} else {
		logf("%s: baseline", r.name)
		b, err := build(s, p, nil)
		if err != nil {
			r.err = "baseline build: " + err.Error()
			return r
		}
		if r.base, err = runAll(b, p); err != nil {
			r.err = err.Error()
			return r
		}
		// A test that passes once in three runs counts as passing, and is
		// told apart as flaky below.
		for _, t := range failingTop(r.base) {
			for range 2 {
				if x, open, _ := execute(b, p, anchored([]string{t}), time.Minute); len(open) == 0 && x.Status[t] == "pass" {
					maps.Copy(r.base.Status, x.Status)
					break
				}
			}
		}
		if *runRe == "" {
			must(os.WriteFile(baseFile, must1(json.MarshalIndent(r.base, "", " ")), 0o666))
		}
	}
	if mw == nil {
		return r
	}
	if r.base.MaxGap > 0 {
		stallTime = 8*time.Second + time.Duration(3*r.base.MaxGap*float64(time.Second))
	}
	logf("%s: wrapped (baseline %.1fs, a silence of %s is a hang)", r.name, r.base.Elapsed, stallTime.Round(time.Second))
	b, err := build(s, p, mw)
	if err != nil {
		r.err = "wrapped build: " + err.Error()
		return r
	}
	if r.wrap, err = runAll(b, p); err != nil {
		r.err = err.Error()
		return r
	}
	r.err = r.wrap.Note
	verdict := map[string]string{} // of tests that do not fail every time
	baseBin, cwdErr := buildBase(s, p)
	deadline := time.Now().Add(4 * time.Minute)
	for _, top := range failingTop(r.wrap) {
		if top == "(exit)" || !regresses(r, top) {
			continue
		}
		if time.Now().After(deadline) {
			r.err = "too many failures: not all of them were run again"
			break
		}
		// Twice more; a pass among them asks for a count of both sides.
		// A crash was run twice already.
		w, wn := 1, 1
		if r.wrap.Status[top] != "crash" {
			w, wn = fails(b, p, top, 2)
		}
		bf, bn := 0, 0
		if cwdErr == nil {
			bf, bn = fails(baseBin, p, top, 3)
			if w < wn || bf > 0 {
				x, y := fails(b, p, top, 5)
				w, wn = w+x, wn+y
				x, y = fails(baseBin, p, top, 5)
				bf, bn = bf+x, bn+y
			}
		}
		if w < wn || bf > 0 {
			verdict[top] = fmt.Sprintf("alone: failed %d of %d wrapped, %d of %d in the baseline", w, wn, bf, bn)
			if bf == 0 && w > 0 {
				verdict[top] = "SUSPECT, " + verdict[top]
			}
		}
	}
	for t, st := range r.wrap.Status {
		bs := r.base.Status[t]
		switch {
		case st == "pass" || st == "skip" && bs == "skip":
		case st == "skip" && bs == "pass":
			r.lost = append(r.lost, t+" (now skipped)")
		case st == "fail" || st == "crash":
			if bs == "fail" || bs == "crash" {
				continue
			}
			if hasFailingChild(r.wrap, t) {
				continue
			}
			x := t
			if st == "crash" {
				x += "  [CRASH or HANG]"
			}
			if v := verdict[topLevel(t)]; v != "" {
				r.flaky = append(r.flaky, x+"  ["+v+"]")
			} else {
				r.regressed = append(r.regressed, x)
			}
		}
	}
	for t, bs := range r.base.Status {
		if _, ok := r.wrap.Status[t]; !ok && bs == "pass" && selected(t) && t != "(exit)" {
			if st := r.wrap.Status[topLevel(t)]; st != "fail" && st != "crash" {
				r.lost = append(r.lost, t+" (did not run)")
			}
		}
	}
	sort.Strings(r.regressed)
	sort.Strings(r.flaky)
	sort.Strings(r.lost)
	logDir := filepath.Join(*cache, "results", mw.id)
	must(os.MkdirAll(logDir, 0o777))
	var lg bytes.Buffer
	for _, t := range slices.Concat(r.regressed, r.flaky) {
		t, _, _ = strings.Cut(t, "  [")
		fmt.Fprintf(&lg, "======== %s\n%s\n", t, r.wrap.Output[t])
	}
	must(os.WriteFile(filepath.Join(logDir, strings.ReplaceAll(r.name, "/", "_")+".log"), lg.Bytes(), 0o666))
	must(os.WriteFile(filepath.Join(logDir, strings.ReplaceAll(r.name, "/", "_")+".json"), must1(json.MarshalIndent(r.wrap, "", " ")), 0o666))
	if *keepLogs {
		os.Stdout.Write(lg.Bytes())
	}
	return r
}
