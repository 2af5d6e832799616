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

// runOne runs the suite of a package without mw and with it, and compares. With
// nil for mw it makes the baseline only.
func runOne(s suite, p pkgSpec, mw *middleware) (r row) {
	stallTime = 60 * time.Second
	r.name = s.name + "/" + p.dir
	if s.module == "" {
		r.name = p.dir
	}
	if err := r.baseline(s, p); err != nil {
		r.err = err.Error()
		return r
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
	r.compare(r.again(s, p, b))
	r.save(mw)
	return r
}

// baseline fills in r.base: from the cache, or from runs without a middleware.
func (r *row) baseline(s suite, p pkgSpec) error {
	dirID := "base"
	if *race {
		dirID += "-race"
	}
	baseFile := r.file(dirID, ".json")
	if b, err := os.ReadFile(baseFile); err == nil && !*rebase {
		must(json.Unmarshal(b, &r.base))
		return nil
	}
	logf("%s: baseline", r.name)
	b, err := build(s, p, nil)
	if err != nil {
		return fmt.Errorf("baseline build: %w", err)
	}
	if r.base, err = runAll(b, p); err != nil {
		return err
	}
	// A test that passes once in three runs counts as passing; again tells that
	// it is flaky.
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
	return nil
}

// file gives the path for results of r, and makes its directory.
func (r *row) file(dir, ext string) string {
	dir = filepath.Join(*cache, "results", dir)
	must(os.MkdirAll(dir, 0o777))
	return filepath.Join(dir, strings.ReplaceAll(r.name, "/", "_")+ext)
}

// again runs the tests alone that fail in b, the wrapped binary, and not in the
// baseline. It gives a note on each that does not fail every time.
func (r *row) again(s suite, p pkgSpec, b built) (notes map[string]string) {
	notes = map[string]string{}
	base, baseErr := build(s, p, nil)
	deadline := time.Now().Add(4 * time.Minute)
	for _, top := range failingTop(r.wrap) {
		if top == "(exit)" || !regresses(*r, top) {
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
		if baseErr == nil {
			bf, bn = fails(base, p, top, 3)
			if w < wn || bf > 0 {
				x, y := fails(b, p, top, 5)
				w, wn = w+x, wn+y
				x, y = fails(base, p, top, 5)
				bf, bn = bf+x, bn+y
			}
		}
		if w < wn || bf > 0 {
			notes[top] = fmt.Sprintf("alone: failed %d of %d wrapped, %d of %d in the baseline", w, wn, bf, bn)
			if bf == 0 && w > 0 {
				notes[top] = "SUSPECT, " + notes[top]
			}
		}
	}
	return notes
}

// compare fills in what has become worse. notes are on the tests that do not fail
// every time.
func (r *row) compare(notes map[string]string) {
	for t, st := range r.wrap.Status {
		bs := r.base.Status[t]
		switch {
		case st == "skip" && bs == "pass":
			r.lost = append(r.lost, t+" (now skipped)")
		case bad(st) && !bad(bs) && !hasFailingChild(r.wrap, t):
			x := t
			if st == "crash" {
				x += "  [CRASH or HANG]"
			}
			if v := notes[topLevel(t)]; v != "" {
				r.flaky = append(r.flaky, x+"  ["+v+"]")
			} else {
				r.regressed = append(r.regressed, x)
			}
		}
	}
	for t, bs := range r.base.Status {
		_, ran := r.wrap.Status[t]
		if !ran && bs == "pass" && selected(t) && t != "(exit)" && !bad(r.wrap.Status[topLevel(t)]) {
			r.lost = append(r.lost, t+" (did not run)")
		}
	}
	sort.Strings(r.regressed)
	sort.Strings(r.flaky)
	sort.Strings(r.lost)
}

// save writes the results, and the output of the tests that failed.
func (r *row) save(mw *middleware) {
	var lg bytes.Buffer
	for _, t := range slices.Concat(r.regressed, r.flaky) {
		t, _, _ = strings.Cut(t, "  [")
		fmt.Fprintf(&lg, "======== %s\n%s\n", t, r.wrap.Output[t])
	}
	must(os.WriteFile(r.file(mw.id, ".log"), lg.Bytes(), 0o666))
	must(os.WriteFile(r.file(mw.id, ".json"), must1(json.MarshalIndent(r.wrap, "", " ")), 0o666))
	if *keepLogs {
		os.Stdout.Write(lg.Bytes())
	}
}
