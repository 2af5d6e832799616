package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// ngx has nginx and lastbyte do the same: one worker there, GOMAXPROCS=1 here, so that
// each has one processor at a time.
func ngx(j job) func(o options) (Table, error) {
	return func(o options) (t Table, err error) {
		if err := installed(generators); err != nil {
			return t, err
		}
		n, err := startNginx()
		if err != nil {
			return t, err
		}
		defer func() { err = errors.Join(err, n.stop()) }()
		var names []string
		for _, l := range locations {
			names = append(names, l.row)
		}
		targets, stop, err := startAll(names, j.h2c, "GOMAXPROCS=1")
		defer func() { err = errors.Join(err, stop()) }()
		if err != nil {
			return t, err
		}
		port := n.http1
		if j.h2c {
			port = n.h2
		}
		for _, l := range locations {
			targets = append(targets, n.target(l.name, l.path, port))
		}
		return comparison(j.what+": lastbyte with GOMAXPROCS=1, nginx with one worker", j, targets, o)
	}
}

// compareAborts measures how soon the end of a client is known, and of 5,000 at once.
func compareAborts(o options) (t Table, err error) {
	t = newTable("From the client's close to the first line of the callback, in µs; 5,000 clients at once, in ms, to the last callback",
		"server", "FIN p50", "FIN p99", "RST p50", "RST p99", "5,000 at once")
	n, err := startNginx()
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	targets, stop, err := startAll([]string{"hold:contextAfterFunc", "hold:CheckOn"}, false)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return t, err
	}
	targets = append(targets, n.target("ngx_lua on_abort", "", n.http1))
	fin, rst, storms := make([][]float64, len(targets)), make([][]float64, len(targets)), make([][]float64, len(targets))
	for round := range o.roundsOr(7) {
		for i, target := range targets {
			f, err1 := departures(target, 100, false)
			r, err2 := departures(target, 100, true)
			s, err3 := storm(target, 5000)
			if err := errors.Join(err1, err2, err3); err != nil {
				return t, err
			}
			fin[i], rst[i], storms[i] = append(fin[i], f...), append(rst[i], r...), append(storms[i], s)
		}
		fmt.Fprintf(os.Stderr, "\raborts: round %d ", round+1)
	}
	fmt.Fprintln(os.Stderr)
	for i, target := range targets {
		t.add(target.name, median(fin[i]), p99(fin[i]), median(rst[i]), p99(rst[i]), median(storms[i]))
	}
	return t, nil
}

func p99(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)*99/100]
}
