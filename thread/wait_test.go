package thread_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/thread"
)

// inHandler has f run as a handler and gives what it returns.
func inHandler[T any](t *testing.T, serve func(http.HandlerFunc) *aborttest.Client, f func(context.Context) T) T {
	t.Helper()
	got := make(chan T, 1)
	s := serve(func(_ http.ResponseWriter, r *http.Request) { got <- f(r.Context()) })
	wantAnswer(t, s, "/", 200, "")
	return <-got
}

// sleeper is a thread's function that ends with err after d, or when killed.
func sleeper(d time.Duration, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(d):
			return err
		}
	}
}

func TestT5_Kill(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		start := time.Now()
		errs := inHandler(t, serve, func(ctx context.Context) [4]error {
			killed, _ := thread.Spawn(ctx, sleeper(time.Hour, nil))
			other, _ := thread.Spawn(ctx, sleeper(2*time.Second, nil))
			time.Sleep(time.Second)
			killed.Kill()
			killed.Kill()
			first := killed.Wait(ctx)
			at(t, "the killed thread's end", start, time.Second)
			second := other.Wait(ctx)
			at(t, "the other thread's end", start, 2*time.Second)
			killed.Kill() // it has ended, and so has other
			other.Kill()
			return [4]error{first, second, ctx.Err(), other.Wait(ctx)}
		})
		wantErr(t, "Wait for a killed thread", errs[0], thread.ErrKilled)
		wantErr(t, "Wait for another", errs[1], nil)
		wantErr(t, "the handler's ctx.Err()", errs[2], nil)
		wantErr(t, "Wait after a late Kill", errs[3], nil)
	})
}

// Kill says what it wants; when, and how, is the function's to decide.
func TestT5_KilledThreadTakesItsTime(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		mine := errors.New("mine")
		start := time.Now()
		err := inHandler(t, serve, func(ctx context.Context) error {
			th, _ := thread.Spawn(ctx, func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				return fmt.Errorf("%w after %w", mine, ctx.Err())
			})
			th.Kill()
			return th.Wait(ctx)
		})
		wantErr(t, "Wait", err, mine)
		wantErr(t, "Wait", err, context.Canceled)
		at(t, "the end", start, time.Second)
	})
}

func TestT6_WaitAny(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		start := time.Now()
		inHandler(t, serve, func(ctx context.Context) bool {
			var threads []*thread.Thread
			for i := range 3 {
				th, _ := thread.Spawn(ctx, sleeper(time.Duration(3-i)*time.Second, fmt.Errorf("thread %d", i)))
				threads = append(threads, th)
			}
			for i := 2; len(threads) > 0; i-- { // the last one spawned is the first to end
				th, err := thread.WaitAny(ctx, threads...)
				if th != threads[i] || fmt.Sprint(err) != fmt.Sprint("thread ", i) {
					t.Errorf("WaitAny of %d = %p, %v; want thread %d", len(threads), th, err, i)
				}
				at(t, "its end", start, time.Duration(3-i)*time.Second)
				threads = threads[:i]
			}
			_, err := thread.WaitAny(ctx, threads...)
			wantErr(t, "WaitAny of none", err, thread.ErrNoThreads)
			return true
		})
	})
}

// The end of the waiting context ends the wait; but what has ended before is
// told all the same.
func TestT6_WaitingContextEnds(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		mine := errors.New("mine")
		start := time.Now()
		inHandler(t, serve, func(ctx context.Context) bool {
			th, _ := thread.Spawn(ctx, sleeper(time.Minute, mine))
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			wantErr(t, "Wait with little time", th.Wait(short), context.DeadlineExceeded)
			at(t, "its return", start, time.Second)
			if got, err := thread.WaitAny(short, th); got != nil || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("WaitAny with no time = %p, %v; want nil, %v", got, err, context.DeadlineExceeded)
			}
			wantErr(t, "Wait with time", th.Wait(ctx), mine)
			at(t, "its return", start, time.Minute)
			for range 20 {
				wantErr(t, "Wait for one that has ended, with no time", th.Wait(short), mine)
			}
			return true
		})
	})
}

// Wait is for any goroutine, at any time, also after the request.
func TestT3_WaitAfterTheRequest(t *testing.T) {
	run(t, func(t *testing.T, serve func(http.HandlerFunc) *aborttest.Client) {
		mine := errors.New("mine")
		th := inHandler(t, serve, func(ctx context.Context) *thread.Thread {
			th, _ := thread.Spawn(ctx, sleeper(time.Second, mine))
			return th
		})
		for range 2 {
			wantErr(t, "Wait after the request", th.Wait(context.Background()), mine)
		}
		th.Kill()
	})
}
