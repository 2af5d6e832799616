package main

import (
	"errors"
	"fmt"
	"os"
)

// wired are the rows of bench-wire.
var wired = []string{
	"bare", "chiTimeout", "TimeoutHandler", "httpError", "hlog", "httplog", "promhttp", "otelhttp", "Check", "Timeout",
	"Lifecycle", "LifecycleLog", "LifecycleOn", "LifecycleExit", "LifecycleDefer", "LifecycleDetachSend",
}

// logged compares where the lines go.
var logged = []string{"bare", "LifecycleLog", "LifecycleLog@file", "LifecycleLog@buffer", "LifecycleSlog", "LifecycleSlog@file", "LifecycleSlog@buffer"}

// wiredNew are those for which a connection is much of the cost.
var wiredNew = []string{"bare", "TimeoutHandler", "hlog", "Check", "CheckOn", "Lifecycle", "LifecycleLog", "LifecycleExit", "LifecycleDetachSend"}

// wire has a load generator ask a server of each row, in rounds that take turns.
func wire(j job, names []string) func(o options) (Table, error) {
	return func(o options) (t Table, err error) {
		if err := installed(generators); err != nil {
			return t, err
		}
		targets, stop, err := startAll(names, j.h2c)
		defer func() { err = errors.Join(err, stop()) }()
		if err != nil {
			return t, err
		}
		return comparison(j.what, j, targets, o)
	}
}

// startAll starts a server for each row. Stop is never nil.
func startAll(names []string, h2c bool, env ...string) (all []*target, stop func() error, err error) {
	stop = func() (err error) {
		for _, t := range all {
			err = errors.Join(err, t.stop())
		}
		return err
	}
	for _, name := range names {
		t, err := start(name, h2c, env...)
		if err != nil {
			return all, stop, err
		}
		all = append(all, t)
	}
	return all, stop, nil
}

// comparison has each target do the job in each round, in turns with the first, with which
// it is compared. Both do it twice, and the second time counts: a server that has had
// nothing to do for a while has given memory back.
func comparison(title string, j job, targets []*target, o options) (Table, error) {
	rounds := o.roundsOr(10)
	t := newTable(title, "row", "requests/s / bare", "middle half of the rounds", "CPU / bare", "middle half of the rounds", "CPU µs per request", "requests/s")
	n := len(targets)
	rate, work, micros, perSecond := make([][]float64, n), make([][]float64, n), make([][]float64, n), make([][]float64, n)
	for round := range rounds {
		for i, target := range targets {
			_, err1 := j.run(targets[0])
			_, err2 := j.run(target)
			base, err3 := j.run(targets[0])
			s, err4 := j.run(target)
			if err := errors.Join(err1, err2, err3, err4); err != nil {
				return t, err
			}
			rate[i], work[i] = append(rate[i], s.perSecond/base.perSecond), append(work[i], s.cpu/base.cpu)
			micros[i], perSecond[i] = append(micros[i], s.cpu), append(perSecond[i], s.perSecond)
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d ", round+1, rounds)
	}
	fmt.Fprintln(os.Stderr)
	for i, target := range targets {
		t.add(target.name, median(rate[i]), spread(rate[i]), median(work[i]), spread(work[i]), median(micros[i]), median(perSecond[i]))
	}
	return t, nil
}
