package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// measureNginx has nginx and lastbyte do the same: one worker here, GOMAXPROCS=1 there,
// so that each has one processor at a time.
func measureNginx(o options) (tables []Table, err error) {
	if err := installed(generators); err != nil {
		return nil, err
	}
	n, err := startNginx()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	one := []string{"GOMAXPROCS=1"}
	var names []string
	for _, l := range locations {
		names = append(names, l.row)
	}
	targets, stop, err := startAll(o, names, one)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		port := n.http1
		if j.name == "h2c" {
			port = n.h2
		}
		all := slices.Clone(targets)
		for _, l := range locations {
			if o.wants(l.row) {
				all = append(all, n.target(l.name, l.path, port))
			}
		}
		t, err := comparison("ngx-"+j.name, j.what+": lastbyte with GOMAXPROCS=1, nginx with one worker", "make bench-ngx", j, all, o.roundsOr(j.rounds()))
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	t, err := compareAborts(o, n)
	return append(tables, t), err
}

// compareAborts measures how soon the end of a client is known, and of 5,000 at once.
func compareAborts(o options, n *nginx) (t Table, err error) {
	t = newTable("aborts", "From the client's close to the first line of the callback, in µs; 5,000 clients at once, in ms, to the last callback", "make bench-ngx",
		"server", "FIN p50", "FIN p99", "RST p50", "RST p99", "5,000 at once")
	targets, stop, err := startAll(options{}, []string{"hold:contextAfterFunc", "hold:CheckOn"}, nil)
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
