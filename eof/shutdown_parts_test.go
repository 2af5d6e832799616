package eof_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
)

// A shutdown of very many tasks takes the lock for some of them at a time, and gives the
// processor away, so that requests which need them go on: somebody who asks all the time
// sees it half done, on one processor, too.
func TestShutdown_LetsOthersIn(t *testing.T) {
	t.Parallel()
	for range 10 { // the one who asks may not run meanwhile
		if halfDone(t) > 0 {
			return
		}
	}
	t.Error("nobody has seen a shutdown half done, want Stats to be let in")
}

// halfDone gives how often a shutdown was seen between its begin and its end.
func halfDone(t *testing.T) (seen int) {
	const many = 100_000
	b := eof.New(eof.Options{Pending: many + 1, Running: 1})
	release := make(chan struct{})
	defer close(release)
	wantErr(t, "Go", b.Go(t.Context(), "stuck", func(context.Context) { <-release }), nil)
	for range many {
		if err := b.After(t.Context(), time.Hour, "later", func(context.Context) {}); err != nil {
			t.Fatalf("After() = %v, want nil", err)
		}
	}
	b.Drain()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = b.Shutdown(ended)
	}()
	for left := int64(many); left > 0; {
		if left = b.Stats().Pending; left > 0 && left < many {
			seen++
		}
		runtime.Gosched()
	}
	<-over
	if s := b.Stats(); s.Lost != many+1 {
		t.Errorf("Stats() = %+v, want all %d given up", s, many+1)
	}
	return seen
}
