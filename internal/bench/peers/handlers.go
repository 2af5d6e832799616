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

// compareHandlers has every row take turns with chi's Timeout and http.TimeoutHandler, by
// whose times its own is divided, and these three with the other rows.
func compareHandlers(o options) (Table, error) {
	t := newTable("One request around a handler that writes 5 bytes, without a server",
		"row", "time / chi Timeout", "middle half of the rounds", "time / TimeoutHandler", "the same, with 8 KB of stack used", "ns", "allocations", "bytes")
	shallow, drain := handlers(rows.Shallow, io.Discard)
	deep, drainDeep := handlers(rows.Deep, io.Discard)
	names, do := loops(shallow)
	_, doDeep := loops(deep)
	chi, handler := slices.Index(names, "chiTimeout"), slices.Index(names, "TimeoutHandler")
	toChi, toHandler, toHandlerDeep, ns := make([][]float64, len(do)), make([][]float64, len(do)), make([][]float64, len(do)), make([][]float64, len(do))
	const together = 5
	for range (o.roundsOr(100) + together - 1) / together {
		for i := range do {
			took := rows.Rounds(together, 60, do[i], do[chi], do[handler])
			tookDeep := rows.Rounds(together, 20, doDeep[i], doDeep[handler])
			toChi[i] = append(toChi[i], ratios(took[0], took[1])...)
			toHandler[i] = append(toHandler[i], ratios(took[0], took[2])...)
			toHandlerDeep[i] = append(toHandlerDeep[i], ratios(tookDeep[0], tookDeep[1])...)
			ns[i] = append(ns[i], nanoseconds(took[0])...)
		}
	}
	for i, name := range names {
		allocs, bytes := rows.Cost(do[i])
		t.add(name, median(toChi[i]), spread(toChi[i]), median(toHandler[i]), median(toHandlerDeep[i]), median(ns[i]), whole(allocs), whole(bytes))
	}
	return t, errors.Join(drain(), drainDeep())
}

// loops gives the names of the rows, and what serves each.
func loops(list []rows.Row) (names []string, do []func(n int)) {
	for _, row := range list {
		names, do = append(names, row.Name), append(do, rows.NewLoop(row).Serve)
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
func compareJobs(o options) (Table, error) {
	t := newTable("What a request has done beside itself: one of it",
		"job", "time / go, WaitGroup", "middle half of the rounds", "ns", "allocations", "bytes")
	list := work()
	for _, job := range list {
		took := rows.Rounds(o.roundsOr(200), 20, job.Do, list[0].Do)
		r := ratios(took[0], took[1])
		allocs, bytes := rows.Cost(job.Do)
		t.add(job.Name, median(r), spread(r), median(nanoseconds(took[0])), whole(allocs), whole(bytes))
	}
	return t, nil
}

// work gives all jobs.
func work() []rows.Job {
	return append(rows.Jobs(),
		rows.Job{Name: "errgroup", Do: rows.Each(1, group)},
		rows.Job{Name: "errgroup, 8", Do: rows.Each(8, group)})
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
