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
		{"go, WaitGroup", Each(1, func(_ context.Context, _ int) {
			var all sync.WaitGroup
			all.Go(func() {})
			all.Wait()
		})},
		{"Spawn, Wait", Each(1, spawn)},
		{"go, WaitGroup, 8", Each(8, func(_ context.Context, many int) {
			var all sync.WaitGroup
			for range many {
				all.Go(func() {})
			}
			all.Wait()
		})},
		{"Spawn, Wait, 8", Each(8, spawn)},
		{"Spawn, WaitAny, 8", Each(8, spawnAny)},
		{"Defer", tasks},
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

func nothing(context.Context) error { return nil }

func spawn(ctx context.Context, many int) {
	list := make([]*thread.Thread, 0, 8)
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
	list := make([]*thread.Thread, 0, 8)
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

// tasks has a request defer n tasks, and waits for them.
func tasks(n int) {
	b := eof.New(eof.Options{Pending: n})
	var all sync.WaitGroup
	all.Add(n)
	NewLoop(Row{Handler: b.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for range n {
			must(eof.Defer(r.Context(), func(context.Context) { all.Done() }))
		}
	}))}).Serve(1)
	all.Wait()
	must(b.Shutdown(context.Background()))
}
