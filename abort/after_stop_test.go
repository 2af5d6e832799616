package abort_test

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// A function that was stopped does not run, whichever it was, and the others do.
func TestC9_AfterFunc_Stop(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		for stopped := range 4 {
			_, ctx, call, release := inHandler(t, p, m, asIs)
			ran, stops := make(chan int, 8), make([]func() bool, 4)
			for i := range stops {
				stops[i] = abort.AfterFunc(ctx, func(context.Context) { ran <- i })
				if i == 1 {
					abort.On(ctx, func(context.Context) { ran <- 100 })
				}
			}
			if first, second := stops[stopped](), stops[stopped](); !first || second {
				t.Errorf("stop() twice = %t, %t, want true, false", first, second)
			}
			call.Leave(aborttest.Timeout)
			synctest.Wait()
			for i, stop := range stops {
				if stop() {
					t.Errorf("stop() of %d after the abort = true, want false", i)
				}
			}
			release()
			synctest.Wait()
			close(ran)
			got := slices.Sorted(slices.Values(slices.Collect(func(yield func(int) bool) {
				for i := range ran {
					yield(i)
				}
			})))
			want := slices.Delete([]int{0, 1, 2, 3, 100}, stopped, stopped+1)
			if !slices.Equal(got, want) {
				t.Errorf("with %d stopped, %v ran, want %v", stopped, got, want)
			}
		}
	})
}

// stop after a request whose client stayed: f has not run, and never will.
func TestC9_AfterFunc_StopAfterTheEnd(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, _, release := inHandler(t, p, m, asIs)
		runs := func(context.Context) { t.Error("f runs, and the client stayed") }
		one, other := abort.AfterFunc(ctx, runs), abort.AfterFunc(ctx, runs)
		release()
		synctest.Wait()
		if first, second := one(), one(); !first || second || !other() {
			t.Errorf("stop() twice after the end = %t, %t, want true, false", first, second)
		}
	})
}

// A panic, a Goexit or a Throw of one function is its own affair.
func TestC9_AfterFunc_LeftInAnyWay(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		for name, leaves := range map[string]func(context.Context){
			"panic": panics, "Goexit": func(context.Context) { runtime.Goexit() },
			"ErrAbortHandler": func(context.Context) { panic(http.ErrAbortHandler) },
			"Throw":           func(ctx context.Context) { exitcode.Throw(ctx, 503) },
			"Throw of OK":     func(ctx context.Context) { exitcode.Throw(ctx, exitcode.OK) },
			"Exit":            func(ctx context.Context) { exitcode.Exit(ctx, exitcode.Close) },
		} {
			s, ctx, call, release := inHandler(t, p, m, asIs)
			before := meter(ctx, 1)
			abort.AfterFunc(ctx, leaves)
			after := meter(ctx, 1)
			call.Leave(aborttest.Timeout)
			take(t, before, name+": function before")
			take(t, after, name+": function after")
			release()
			if o := ended(t, call); o.Status != 499 || o.Abort == nil || o.Panicked {
				t.Errorf("%s: Outcome = %+v, want 499 and an abort", name, o)
			}
			want := map[bool]int{true: 1}[name == "panic"]
			if log := s.Log(); strings.Count(log, "on purpose") != want || strings.Contains(log, "abort_test.panics") != (want == 1) {
				t.Errorf("%s: Logs() = %q, want %d panics with the frame of f", name, log, want)
			}
		}
	})
}

// The function may decide what the abort is to come to where it is still open.
func TestC9_AfterFunc_ExitBesideACallback(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		abort.On(ctx, func(context.Context) {})
		abort.AfterFunc(ctx, func(ctx context.Context) { exitcode.Exit(ctx, 503) })
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		release()
		if o := ended(t, call); o.Status != 503 || o.Abort == nil {
			t.Errorf("Outcome = %+v, want exit 503, an abort", o)
		}
	})
}

// A handler that lives for long registers a function for every message, and stops
// it; nothing is kept. What nobody stopped goes with the request, though something
// else may keep that.
func TestC9_AfterFunc_KeepsNothing(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, _, release := inHandler(t, p, m, asIs)
		for range 10 {
			abort.AfterFunc(ctx, func(context.Context) {}) // they stay, on both sides of the others
		}
		use := func(n int) {
			for range n {
				big := make([]byte, 100)
				stop := abort.AfterFunc(context.WithValue(ctx, valueKey{}, 1), func(context.Context) { _ = big[0] })
				if !stop() {
					t.Fatal("stop() = false before an abort, want true")
				}
			}
		}
		use(100)
		before := live()
		use(20_000)
		if kept := int64(live()) - int64(before); kept > 100_000 {
			t.Errorf("%d bytes are kept of 20,000 functions that were stopped, want none", kept)
		}
		const size = 1 << 20
		func() {
			big := make([]byte, size)
			abort.AfterFunc(ctx, func(context.Context) { _ = big[0] })
		}()
		release()
		synctest.Wait()
		if kept := int64(live()) - int64(before); kept > size/2 {
			t.Errorf("%d bytes are kept by a request that has ended, want no function of AfterFunc", kept)
		}
		runtime.KeepAlive(ctx)
	})
}

// Functions are registered and stopped by many goroutines beside the abort and the
// end: each runs, or was stopped, or came too late, and none does two of these.
func TestStress_AfterFunc_BesideTheAbort(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		for round := range 50 {
			_, ctx, call, release := inHandler(t, p, m, asIs)
			if round%2 == 0 {
				abort.On(ctx, func(context.Context) { time.Sleep(time.Duration(round)) })
			}
			var all sync.WaitGroup
			begin := make(chan struct{})
			for i := range 16 {
				all.Go(func() {
					<-begin
					var ran atomic.Int32
					stop := abort.AfterFunc(ctx, func(ctx context.Context) {
						ran.Add(1)
						if _, ok := abort.Cause(ctx); !ok {
							t.Error("f runs, and Cause() = false, want true")
						}
					})
					if i%4 == 0 {
						runtime.Gosched()
					}
					stopped := stop()
					time.Sleep(time.Hour)
					if n := ran.Load(); n > 1 || n == 1 && stopped || n == 0 && !stopped {
						t.Errorf("f ran %d times, and stop() = %t, want one of the two", n, stopped)
					}
				})
			}
			close(begin)
			call.Leave(aborttest.Timeout)
			if round%3 == 0 {
				release()
			}
			all.Wait()
			if round%3 != 0 {
				release()
			}
			ended(t, call)
		}
	})
}

// f registered with the context of a thread, a Shield, a child that has ended.
func TestC9_AfterFunc_Contexts(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, withValue)
		defer release()
		child, cancel := context.WithCancel(ctx)
		cancel()
		timeout, stop := context.WithTimeout(ctx, time.Nanosecond)
		defer stop()
		time.Sleep(time.Second)
		threads := make(chan context.Context, 1)
		thread.Spawn(ctx, func(ctx context.Context) error { threads <- ctx; return nil })
		values := make(chan any, 8)
		of := map[string]context.Context{
			"Shield": abort.Shield(ctx), "cancelled child": child, "child timed out": timeout,
			"thread that has returned": take(t, threads, "thread"), "WithoutCancel": context.WithoutCancel(ctx),
		}
		for name, ctx := range of {
			abort.AfterFunc(ctx, func(ctx context.Context) {
				if _, limited := ctx.Deadline(); limited || ctx.Err() != nil {
					t.Errorf("%s: the context of f has a deadline: %t, Err() = %v, want none and nil", name, limited, ctx.Err())
				}
				values <- ctx.Value(valueKey{})
			})
		}
		call.Leave(aborttest.Timeout)
		for range of {
			if v := take(t, values, "function"); v != "value of /" {
				t.Errorf("Value() in f = %v, want that of the request", v)
			}
		}
	})
}
