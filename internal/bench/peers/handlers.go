package main

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/bench/rows"

	"golang.org/x/sync/errgroup"
)

// measureHandlers has all rows serve requests without a server, and do jobs.
func measureHandlers(o options) ([]Table, error) {
	table, err := compareHandlers(o)
	if err != nil {
		return nil, err
	}
	return []Table{table, compareJobs(o)}, nil
}

// compareHandlers measures them in rounds: in each, every row serves a few hundred
// requests, and its time is divided by that of chi's Timeout and of http.TimeoutHandler in
// the same round.
func compareHandlers(o options) (Table, error) {
	t := newTable("handlers", "One request around a handler that writes 5 bytes, without a server", "make bench-peers",
		"row", "time / chi Timeout", "middle half of the rounds", "time / TimeoutHandler", "the same, 8 KB of stack", "ns", "allocations", "bytes")
	shallow, drain := handlers(rows.Shallow, io.Discard)
	deep, drainDeep := handlers(rows.Deep, io.Discard)
	names, do := loops(o, shallow)
	_, doDeep := loops(o, deep)
	chi, handler := slices.Index(names, "chiTimeout"), slices.Index(names, "TimeoutHandler")
	rounds := o.roundsOr(400)
	took, tookDeep := rows.Rounds(rounds, 60, do...), rows.Rounds(rounds, 20, doDeep...)
	for i, name := range names {
		toChi := ratios(took[i], took[chi])
		allocs, bytes := rows.Cost(do[i])
		t.add(name, median(toChi), spread(toChi), median(ratios(took[i], took[handler])), median(ratios(tookDeep[i], tookDeep[handler])),
			median(nanoseconds(took[i])), whole(allocs), whole(bytes))
	}
	return t, errors.Join(drain(), drainDeep())
}

// loops gives what serves each row that is wanted, or that others are compared with.
func loops(o options, list []rows.Row) (names []string, do []func(n int)) {
	for _, row := range list {
		if o.wants(row.Name) || row.Name == "chiTimeout" || row.Name == "TimeoutHandler" {
			names, do = append(names, row.Name), append(do, rows.NewLoop(row).Serve)
		}
	}
	return names, do
}

func nanoseconds(of []time.Duration) (ns []float64) {
	for _, d := range of {
		ns = append(ns, float64(d.Nanoseconds()))
	}
	return ns
}

// ratios divides round by round.
func ratios(of, by []time.Duration) (r []float64) {
	for i := range of {
		r = append(r, float64(of[i])/float64(by[i]))
	}
	return r
}

func whole(x float64) int { return int(math.Round(x)) }

// compareJobs measures what a request has done beside itself: goroutines, threads, tasks.
func compareJobs(o options) Table {
	t := newTable("jobs", "What a request has done beside itself: one of it", "make bench-peers",
		"job", "time / go, WaitGroup", "middle half of the rounds", "ns", "allocations", "bytes")
	list := append(rows.Jobs(),
		rows.Job{Name: "errgroup", Do: rows.Each(1, group)},
		rows.Job{Name: "errgroup, 8", Do: rows.Each(8, group)})
	var do []func(n int)
	for _, job := range list {
		do = append(do, job.Do)
	}
	took := rows.Rounds(o.roundsOr(200), 20, do...)
	for i, job := range list {
		r := ratios(took[i], took[0])
		allocs, bytes := rows.Cost(job.Do)
		t.add(job.Name, median(r), spread(r), median(nanoseconds(took[i])), whole(allocs), whole(bytes))
	}
	return t
}

// group is what Spawn and Wait are compared with.
func group(ctx context.Context, many int) {
	g, _ := errgroup.WithContext(ctx)
	for range many {
		g.Go(func() error { return nil })
	}
	if err := g.Wait(); err != nil {
		panic(err)
	}
}
