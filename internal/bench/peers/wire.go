package main

import (
	"errors"
	"fmt"
	"os"
)

// wired are the rows of bench-wire.
var wired = []string{
	"bare", "chiTimeout", "TimeoutHandler", "httpError", "contextAfterFunc", "chiLogger", "hlog", "httplog", "promhttp", "otelhttp",
	"Check", "CheckOn", "Lifecycle", "LifecycleBoard", "LifecycleLog", "LifecycleOn", "LifecycleExit", "LifecycleExitLog",
	"LifecycleDefer", "Detach", "DetachSend", "LifecycleDetachSend", "Timeout",
}

// logged compares where the lines go.
var logged = []string{"bare", "LifecycleLog", "LifecycleLog@file", "LifecycleLog@buffer", "LifecycleSlog", "LifecycleSlog@file", "LifecycleSlog@buffer"}

// measureWire has the load generators ask each row, in rounds that take turns.
func measureWire(o options) ([]Table, error) {
	if err := installed(generators); err != nil {
		return nil, err
	}
	targets, stop, err := startAll(o, wired, nil)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	var tables []Table
	for _, j := range jobs {
		t, err := comparison("wire-"+j.name, j.what+": a server of its own for each row", "make bench-wire", j, targets, o.roundsOr(j.rounds()))
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		tables = append(tables, t)
	}
	if err := stop(); err != nil {
		return nil, err
	}
	targets, stop, err = startAll(o, logged, nil)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	t, err := comparison("wire-log", jobs[0].what+": where the lines of the log go", "make bench-wire", jobs[0], targets, o.roundsOr(jobs[0].rounds()))
	return append(tables, t), errors.Join(err, stop())
}

// startAll starts a server for each row. Stop is never nil.
func startAll(o options, names, env []string) (all []*target, stop func() error, err error) {
	stop = func() (err error) {
		for _, t := range all {
			err = errors.Join(err, t.stop())
		}
		return err
	}
	for _, name := range names {
		if !o.wants(name) && name != "bare" {
			continue
		}
		t, err := start(name, env)
		if err != nil {
			return all, stop, err
		}
		all = append(all, t)
	}
	return all, stop, nil
}

// comparison has each target do the job in each round, and compares it with the first.
func comparison(name, title, command string, j job, targets []*target, rounds int) (Table, error) {
	t := newTable(name, title, command,
		"row", "requests/s / bare", "middle half of the rounds", "CPU / bare", "CPU µs per request", "requests/s")
	samples := make([][]sample, len(targets))
	for n := range rounds {
		for i, target := range targets {
			s, err := j.run(target)
			if err != nil {
				return t, err
			}
			samples[i] = append(samples[i], s)
		}
		fmt.Fprintf(os.Stderr, "\r%s: round %d of %d ", name, n+1, rounds)
	}
	fmt.Fprintln(os.Stderr)
	for i, target := range targets {
		var rate, work, micros, perSecond []float64
		for n, s := range samples[i] {
			base := samples[0][n]
			rate, work = append(rate, s.perSecond/base.perSecond), append(work, s.cpu/base.cpu)
			micros, perSecond = append(micros, s.cpu), append(perSecond, s.perSecond)
		}
		t.add(target.name, median(rate), spread(rate), median(work), median(micros), median(perSecond))
	}
	return t, nil
}
