package rows

import (
	"context"
	"net/http"
	"sync"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/thread"
)

// Job is something that a request may have done beside itself. Do has one request do it
// n times, and returns when all of it is done.
type Job struct {
	Name string
	Do   func(n int)
}

// Jobs gives the rows of tasks and threads, and goroutines to compare them with.
func Jobs() []Job {
	return []Job{
		{"go, WaitGroup", Each(1, Go)},
		{"Spawn, Wait", Each(1, Spawn)},
		{"go, WaitGroup, 8", Each(8, Go)},
		{"Spawn, Wait, 8", Each(8, Spawn)},
		{"Spawn, WaitAny, 8", Each(8, spawnAny)},
		{"Defer", Tasks()},
	}
}

// Each is a job for a request with abort.Check around it: that of many at a time, which
// counts once.
func Each(many int, fn func(ctx context.Context, many int)) func(n int) {
	return func(n int) {
		NewLoop(Row{Handler: abort.Check(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for range n {
				fn(r.Context(), many)
			}
		}))}).Serve(1)
	}
}

// Go starts goroutines and waits for all.
func Go(_ context.Context, many int) {
	var all sync.WaitGroup
	for range many {
		all.Go(func() {})
	}
	all.Wait()
}

func nothing(context.Context) error { return nil }

// Spawn starts threads and waits for all.
func Spawn(ctx context.Context, many int) {
	list := make([]*thread.Thread, 0, many)
	for range many {
		t, err := thread.Spawn(ctx, nothing)
		must(err)
		list = append(list, t)
	}
	for _, t := range list {
		must(t.Wait(ctx))
	}
}

func spawnAny(ctx context.Context, many int) {
	list := make([]*thread.Thread, 0, many)
	for range many {
		t, err := thread.Spawn(ctx, nothing)
		must(err)
		list = append(list, t)
	}
	for len(list) > 0 {
		first, err := thread.WaitAny(ctx, list...)
		must(err)
		for i, t := range list {
			if t == first {
				list = append(list[:i], list[i+1:]...)
				break
			}
		}
	}
}

// Tasks is the job of tasks that a request defers. The Background is the job's, and ends
// with the process.
func Tasks() func(n int) {
	b := eof.New(eof.Options{Pending: 1 << 20})
	return func(n int) {
		var all sync.WaitGroup
		all.Add(n)
		NewLoop(Row{Handler: b.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for range n {
				must(eof.Defer(r.Context(), func(context.Context) { all.Done() }))
			}
		}))}).Serve(1)
		all.Wait()
	}
}
