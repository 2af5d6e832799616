package eof_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// clock gives a function that notes when it is called, and takes took.
func clock(took ...time.Duration) (fn func(context.Context), times *book) {
	start, n := time.Now(), 0
	times = &book{}
	return func(context.Context) {
		times.add(time.Since(start).String())
		if n < len(took) {
			n++
			time.Sleep(took[n-1])
		}
	}, times
}

func wantBook(t *testing.T, what string, b *book, want string) {
	t.Helper()
	if got := b.String(); got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// TestB15_Every runs at the multiples of d. Those that come while it runs are dropped, and
// it never runs twice at once.
func TestB15_Every(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{})
		fn, times := clock(0, 2500*time.Millisecond, 0, time.Second)
		stop, err := b.Every(t.Context(), time.Second, "tick", fn)
		wantErr(t, "Every", err, nil)
		time.Sleep(1500 * time.Millisecond)
		wantWork(t, b, `task "tick" waits 500ms`)
		wantStats(t, b, eof.Stats{Pending: 1, Done: 1})
		time.Sleep(time.Second)
		wantWork(t, b, `task "tick" runs 500ms`)
		wantStats(t, b, eof.Stats{Running: 1, Done: 1})
		time.Sleep(7 * time.Second)
		stop()
		wantStats(t, b, eof.Stats{Done: 6})
		time.Sleep(time.Minute)
		wantBook(t, "the runs", times, "1s 2s 5s 6s 8s 9s")
		stop()
	})
}

// TestB15_EveryWaitsForItsTurn: a run that waits for a place counts as one that runs: the
// times that come meanwhile are dropped. stop takes it out of the queue.
func TestB15_EveryWaitsForItsTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{Running: 1, Pending: 1})
		fn, times := clock()
		stop, err := b.Every(t.Context(), time.Second, "tick", fn)
		wantErr(t, "Every", err, nil)
		busy := func(context.Context) { time.Sleep(3500 * time.Millisecond) }
		wantErr(t, "Go with no place", b.Go(t.Context(), "busy", busy), eof.ErrTooManyPending)
		time.Sleep(time.Second)
		synctest.Wait() // it has run once, and waits again
		wantStats(t, b, eof.Stats{Pending: 1, Done: 1, Rejected: 1})
		stop()
		stop, err = b.Every(t.Context(), time.Second, "tick", fn)
		wantErr(t, "Every", err, nil)
		stop()
		wantErr(t, "Go", b.Go(t.Context(), "busy", busy), nil)
		stop, err = b.Every(t.Context(), time.Second, "tick", fn) // its times are 2s, 3s, 4s and so on
		wantErr(t, "Every", err, nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		wantErr(t, "Go has its place", b.Go(t.Context(), "busy", busy), eof.ErrTooManyPending)
		stop()
		wantBook(t, "the runs", times, "1s 4.5s 5s 6s")
		wantStats(t, b, eof.Stats{Done: 5, Rejected: 2})

		wantErr(t, "Go", b.Go(t.Context(), "busy", busy), nil)
		stop, err = b.Every(t.Context(), time.Second, "tick", fn)
		wantErr(t, "Every", err, nil)
		time.Sleep(2 * time.Second) // it waits for its turn
		stop()
		wantStats(t, b, eof.Stats{Running: 1, Done: 5, Rejected: 2})
		time.Sleep(time.Minute)
		wantStats(t, b, eof.Stats{Done: 6, Rejected: 2})
	})
}

// TestB15_EveryGoesOn, however one of its runs ends.
func TestB15_EveryGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		panics := make(chan caught, 1)
		b := background(t, eof.Options{OnPanic: onPanic(panics), Timeout: 100 * time.Millisecond})
		n := 0
		stop, err := b.Every(t.Context(), time.Second, "tick", func(ctx context.Context) {
			switch n++; n {
			case 1:
				panicsLate("boom")
			case 2:
				runtime.Goexit()
			case 3:
				exitcode.Throw(ctx, 500)
			case 4:
				<-ctx.Done()
				wantErr(t, "the cause after Timeout", context.Cause(ctx), context.DeadlineExceeded)
			}
		})
		wantErr(t, "Every", err, nil)
		time.Sleep(5500 * time.Millisecond)
		(<-panics).want(t, "boom", "panicsLate")
		stop()
		if n != 5 {
			t.Errorf("it has run %d times, want 5", n)
		}
		wantStats(t, b, eof.Stats{Done: 4, Panicked: 1})
	})
}

// TestB15_EveryAndStop: stop ends the series also from a run of it, and one that runs is left
// alone.
func TestB15_EveryAndStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{})
		stops := make(chan func(), 1)
		n := 0
		stop, err := b.Every(t.Context(), time.Second, "tick", func(ctx context.Context) {
			n++
			(<-stops)()
			time.Sleep(time.Second)
			wantErr(t, "ctx.Err() after stop", ctx.Err(), nil)
		})
		wantErr(t, "Every", err, nil)
		stops <- stop
		time.Sleep(time.Minute)
		synctest.Wait()
		if n != 1 {
			t.Errorf("it has run %d times, want 1", n)
		}
		wantStats(t, b, eof.Stats{Done: 1})
	})
}

// TestB15_EveryAtDrain ends: what waits does not run, what runs is waited for, and nothing
// counts as lost.
func TestB15_EveryAtDrain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{})
		fn, times := clock()
		waits, err := b.Every(t.Context(), time.Hour, "waits", fn)
		wantErr(t, "Every", err, nil)
		runs, err := b.Every(t.Context(), time.Second, "runs", func(ctx context.Context) {
			wantErr(t, "ctx.Err() in a drain", ctx.Err(), nil)
			time.Sleep(time.Minute)
		})
		wantErr(t, "Every", err, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		start := time.Now()
		b.Drain()
		wantStats(t, b, eof.Stats{Running: 1})
		shutdown(t, b)
		at(t, "Shutdown's return", start, time.Minute)
		waits()
		runs()
		b.Resume()
		time.Sleep(24 * time.Hour)
		wantBook(t, "runs of what waited", times, "")
		wantStats(t, b, eof.Stats{Done: 1})
		wantErr(t, "a forced Shutdown", b.Shutdown(t.Context()), nil)
	})
}

// TestB15_EveryOfARequest has the request's values for as long as it runs, and is no part of
// the request.
func TestB15_EveryOfARequest(t *testing.T) {
	pipenet.Run(t, func(t *testing.T, p pipenet.Proto) {
		type key struct{}
		b := background(t, eof.Options{})
		got := make(chan any, 3)
		var stop func()
		inRequest(t, p, b.Detach, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(context.WithValue(r.Context(), key{}, "value"))
			defer cancel()
			var err error
			stop, err = b.Every(ctx, time.Second, "tick", func(ctx context.Context) {
				got <- ctx.Value(key{})
				got <- exitcode.Exit(ctx, 500)
				got <- ctx.Err()
			})
			wantErr(t, "Every", err, nil)
			io.WriteString(w, answer)
		}).want(t, 200, answer)
		for range 3 {
			v, exit, err := <-got, <-got, <-got
			if e, _ := exit.(error); v != "value" || err != nil || !errors.Is(e, exitcode.ErrEnded) {
				t.Errorf("a run has the value %v, Exit() = %v, ctx.Err() = %v; want the value, ErrEnded and nil", v, exit, err)
			}
		}
		stop()
	})
}

// TestB15_EveryCostsTheSame after any number of runs, in memory and for ctx.Value.
func TestB15_EveryCostsTheSame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := background(t, eof.Options{Timeout: time.Minute})
		base := &asked{Context: t.Context()}
		n, first, kept := 0, 0, uint64(0)
		stop, err := b.Every(base, time.Second, "tick", func(ctx context.Context) {
			if n++; n%10_000 == 100 {
				ctx.Value(depthKey{})
			}
			if n == 100 {
				first, kept = base.depth, heap()
			}
		})
		wantErr(t, "Every", err, nil)
		time.Sleep(20_100*time.Second + time.Millisecond)
		stop()
		if grown := int64(heap()) - int64(kept); n != 20_100 || base.depth > first || grown > 1<<20 {
			t.Errorf("after %d runs ctx.Value takes %d calls and the heap has grown by %d bytes, want %d calls and nothing", n, base.depth, grown, first)
		}
	})
}
