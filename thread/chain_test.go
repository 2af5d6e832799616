package thread_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/thread"
)

// TestT7_SpawnedByAThread: a thread belongs to the request. The end of the
// thread that spawned it does not cancel it; Kill, before that, does.
func TestT7_SpawnedByAThread(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		for _, kill := range []bool{false, true} {
			start := time.Now()
			err := inHandler(t, serve, func(ctx context.Context) error {
				inner := make(chan *thread.Thread, 1)
				th, _ := thread.Spawn(ctx, func(ctx context.Context) error {
					in, _ := thread.Spawn(ctx, sleeper(time.Second, nil))
					inner <- in
					if kill {
						<-ctx.Done()
					}
					return nil
				})
				if kill {
					th.Kill()
				}
				th.Wait(ctx)
				th.Kill() // it has ended
				return (<-inner).Wait(ctx)
			})
			if kill {
				wantErr(t, "the inner thread", err, thread.ErrKilled)
				at(t, "its end", start, 0)
				continue
			}
			wantErr(t, "the inner thread", err, nil)
			at(t, "its end", start, time.Second)
		}
	})
}

// What a thread does to a context of its own it does to the threads below it.
func TestT7_OwnContextOfAThread(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		start := time.Now()
		err := inHandler(t, serve, func(ctx context.Context) error {
			th, _ := thread.Spawn(ctx, func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				in, _ := thread.Spawn(ctx, sleeper(time.Hour, nil))
				return in.Wait(context.Background())
			})
			return th.Wait(ctx)
		})
		wantErr(t, "the inner thread", err, context.DeadlineExceeded)
		at(t, "its end", start, time.Second)
	})
}

type depthKey struct{}

// deep is a context that notes how many calls Value took to get to it.
type deep struct {
	context.Context
	depth int
}

func (d *deep) Value(key any) any {
	if key == (depthKey{}) {
		d.depth = runtime.Callers(0, make([]uintptr, 4096))
	}
	return d.Context.Value(key)
}

// A thread that spawns the next one and ends, round after round, costs what one
// costs.
func TestT7_ThreadAfterThread(t *testing.T) {
	const rounds = 10_000
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		inHandler(t, serve, func(ctx context.Context) error {
			base := &deep{Context: ctx}
			n, first := 0, 0
			done := make(chan struct{})
			var again func(ctx context.Context) error
			again = func(ctx context.Context) error {
				if n++; n == 10 || n == rounds {
					ctx.Value(depthKey{})
				}
				if n == 10 {
					first = base.depth
				}
				if n == rounds {
					close(done)
					return nil
				}
				_, err := thread.Spawn(ctx, again)
				return err
			}
			thread.Spawn(base, again)
			<-done
			if base.depth > first {
				t.Errorf("ctx.Value takes %d calls after %d rounds, %d after 10, want no more", base.depth, rounds, first)
			}
			return nil
		})
	})
}
