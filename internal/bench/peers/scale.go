package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/bench/rows"
)

// grow runs do for 1, step, step² and so on up to limit.
func grow(step, limit int, do func(n int) error) error {
	for n := 1; n <= limit; n *= step {
		if err := do(n); err != nil {
			return err
		}
	}
	return nil
}

// byConnections has h2load ask over more and more connections.
func byConnections(o options) (t Table, err error) {
	names := []string{"bare", "Lifecycle", "LifecycleOn", "LifecycleDetachSend"}
	t = newTable("Processor time of the server, µs per request, HTTP/1.1 keep-alive", append([]string{"connections"}, names...)...)
	t.Chart = &Chart{X: "connections that ask at once", Y: "µs per request"}
	if err := installed(generators); err != nil {
		return t, err
	}
	targets, stop, err := startAll(names, false)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return t, err
	}
	err = grow(4, 1024, func(n int) error {
		j := job{"", false, h2load(8000, "--h1", fmt.Sprintf("-c%d", n))}
		micros := make([][]float64, len(targets))
		for range o.roundsOr(7) {
			for i, target := range targets {
				s, err := j.run(target)
				if err != nil {
					return err
				}
				micros[i] = append(micros[i], s.cpu)
			}
		}
		t.add(grouped(n), medians(micros)...)
		return nil
	})
	return t, err
}

func medians(of [][]float64) (m []any) {
	for _, of := range of {
		m = append(m, median(of))
	}
	return m
}

// byHeld measures the memory of requests that are held at work.
func byHeld(options) (Table, error) {
	t := newTable("Memory of a request at work, KB of heap and stack above net/http's", "requests at work")
	t.Chart = &Chart{X: "requests at work at once", Y: "KB above net/http"}
	for _, row := range rows.Held()[1:] {
		t.Columns = append(t.Columns, row().Name)
	}
	const most = 10_000
	rows.WarmUp(most)
	err := grow(10, most, func(n int) error {
		if n < 100 {
			return nil // the noise of the runtime is as large
		}
		var bare float64
		var cells []any
		for i, row := range rows.Held() {
			m, err := rows.Hold(n, row())
			if err != nil {
				return err
			}
			kb := (m.Heap + m.Stack) / 1024
			if i == 0 {
				bare = kb
				continue
			}
			cells = append(cells, kb-bare)
		}
		t.add(grouped(n), cells...)
		return nil
	})
	return t, err
}

// byThreads has a request start n goroutines and wait for all.
func byThreads(o options) (Table, error) {
	t := newTable("Goroutines of a request, started and waited for: ns for one", "goroutines", "go, WaitGroup", "errgroup", "Spawn, Wait")
	t.Chart = &Chart{X: "goroutines in one request", Y: "ns each"}
	return t, grow(4, 4096, func(n int) error {
		took := rows.Rounds(o.roundsOr(100), max(1, 256/n), rows.Each(n, rows.Go), rows.Each(n, group), rows.Each(n, rows.Spawn))
		t.add(grouped(n), each(took, n)...)
		return nil
	})
}

// each gives the medians, divided by n.
func each(took [][]time.Duration, n int) (cells []any) {
	for _, took := range took {
		cells = append(cells, median(nanoseconds(took))/float64(n))
	}
	return cells
}

// byTasks has a request defer n tasks.
func byTasks(o options) (Table, error) {
	t := newTable("Tasks of one request, deferred and done: ns for one", "tasks", "go, WaitGroup", "Defer")
	t.Chart = &Chart{X: "tasks of one request", Y: "ns each"}
	goroutines := func(n int) {
		var all sync.WaitGroup
		for range n {
			all.Go(func() {})
		}
		all.Wait()
	}
	tasks := rows.Tasks()
	return t, grow(10, 100_000, func(n int) error {
		took := make([][]time.Duration, 2)
		for range max(3, min(o.roundsOr(100), 1_000_000/n)) {
			for i, do := range []func(int){goroutines, tasks} {
				begin := time.Now()
				do(n)
				took[i] = append(took[i], time.Since(begin))
			}
		}
		t.add(grouped(n), each(took, n)...)
		return nil
	})
}

// byPending measures one more call of After while n tasks wait, and what a shutdown takes
// that gives up all of them.
func byPending(o options) (Table, error) {
	t := newTable("Tasks of After that wait: ns for one more, ns of a forced shutdown for each", "tasks that wait", "After", "Shutdown")
	t.Chart = &Chart{X: "tasks that wait", Y: "ns each"}
	return t, grow(10, 1_000_000, func(n int) error {
		var after, shutdown []float64
		for range min(5, o.roundsOr(5)) {
			a, s := pending(n)
			after, shutdown = append(after, a), append(shutdown, s)
		}
		t.add(grouped(n), median(after), median(shutdown))
		return nil
	})
}

func pending(n int) (after, shutdown float64) {
	const more = 1000
	b := eof.New(eof.Options{Pending: n + more})
	task := func(context.Context) {}
	add := func(n int) time.Duration {
		begin := time.Now()
		for range n {
			if err := b.After(context.Background(), time.Hour, "task", task); err != nil {
				panic(err)
			}
		}
		return time.Since(begin)
	}
	add(n)
	after = float64(add(more).Nanoseconds()) / more
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	begin := time.Now()
	_ = b.Shutdown(ended) // it says what it gave up
	return after, float64(time.Since(begin).Nanoseconds()) / float64(n+more)
}
