package abort_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// meter registers n functions of AfterFunc with ctx. Each sends what it finds.
func meter(ctx context.Context, n int) <-chan found {
	ch := make(chan found, 2*n)
	for range n {
		abort.AfterFunc(ctx, func(own context.Context) {
			e, _ := abort.Cause(own)
			ch <- found{e, context.Cause(ctx), own.Err()}
		})
	}
	return ch
}

// found is what a function of AfterFunc finds when it runs.
type found struct {
	abort    *abort.Error
	cause    error // of the request's context
	ownError error // of the function's context
}

// Without a callback of On the abort is the ending, and the functions find the
// request's context cancelled.
func TestC9_AfterFunc_DecidesNothing(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		ch := meter(ctx, 3)
		none(t, ch, "functions before the abort")
		call.Leave(aborttest.Timeout)
		for range 3 {
			if f := take(t, ch, "function"); f.abort == nil || f.cause != error(f.abort) || f.ownError != nil {
				t.Errorf("f finds %+v, want the abort, as the cause of the request's context, and a context of its own that lives", f)
			}
		}
		release()
		if o := ended(t, call); o.Status != 499 || o.Sent != 0 || o.Abort == nil || o.Exited {
			t.Errorf("Outcome = %+v, want 499, nothing sent, an abort, no exit", o)
		}
		none(t, ch, "functions, again")
	})
}

// A meter registers before or after the handler, which has its callback all the same.
func TestC9_AfterFunc_LeavesTheCallback(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		for _, exits := range []bool{false, true} {
			_, ctx, call, release := inHandler(t, p, m, asIs)
			early := meter(ctx, 2)
			called := make(chan struct{}, 2)
			err := abort.On(ctx, func(ctx context.Context) {
				called <- struct{}{}
				if exits {
					exitcode.Exit(ctx, exitcode.Close)
				}
			})
			late := meter(ctx, 2)
			if again := abort.On(ctx, func(context.Context) { t.Error("the second callback runs") }); err != nil || !errors.Is(again, abort.ErrDuplicate) {
				t.Errorf("On() twice beside AfterFunc = %v, %v, want nil, %v", err, again, abort.ErrDuplicate)
			}
			call.Leave(aborttest.Timeout)
			take(t, called, "callback")
			for range 2 {
				take(t, early, "function registered before On")
				take(t, late, "function registered after On")
			}
			if ended := ctx.Err() != nil; ended != exits {
				t.Errorf("the context has ended: %t, want %t", ended, exits)
			}
			if err := abort.On(ctx, func(context.Context) {}); err == nil {
				t.Error("On() after the callback has run = nil, want an error")
			}
			release()
			want := map[bool]int{false: 200, true: 444}[exits]
			if o := ended(t, call); o.Status != want || o.Abort == nil {
				t.Errorf("Outcome = %d, %v, want %d and an abort", o.Status, o.Abort, want)
			}
			none(t, called, "callback, again")
		}
	})
}

func TestC9_AfterFunc_ResponseWaits(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		for _, header := range []bool{false, true} {
			called := make(chan struct{})
			s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
				abort.AfterFunc(r.Context(), func(context.Context) {
					close(called)
					time.Sleep(time.Hour)
				})
				if header {
					flush(w)
				}
				<-called // the handler returns while f is at work
			})
			call := s.Get("/")
			synctest.Wait()
			call.Leave(aborttest.Timeout)
			time.Sleep(time.Hour - 1)
			if n := s.Lifecycle().Stats().Active; n != 1 {
				t.Errorf("%d requests at work before f has returned, want 1", n)
			}
			if o := call.Outcome(); o.Duration != time.Hour {
				t.Errorf("the response ended after %v, want 1h as f", o.Duration)
			}
		}
	})
}

// What is registered when the client has left runs at once: beside the handler of an
// abort, of a callback that does nothing, and of a callback that has exited.
func TestC9_AfterFunc_Late(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		for name, callback := range map[string]func(context.Context){
			"none": nil, "nothing": func(context.Context) {},
			"exit": func(ctx context.Context) { exitcode.Exit(ctx, exitcode.ClientClosedRequest) },
		} {
			_, ctx, call, release := inHandler(t, p, m, asIs)
			if callback != nil {
				abort.On(ctx, callback)
			} else {
				ctx.Done() // somebody listens
			}
			call.Leave(aborttest.Timeout)
			synctest.Wait()
			begun, done := make(chan struct{}), make(chan struct{})
			stop := abort.AfterFunc(ctx, func(context.Context) { close(begun); <-done })
			synctest.Wait()
			select {
			case <-begun:
			default:
				t.Errorf("callback %s: f does not run after the abort", name)
			}
			if stop() {
				t.Errorf("callback %s: stop() = true while f runs, want false", name)
			}
			close(done)
			release()
		}
	})
}

// Nobody listened.
func TestC9_AfterFunc_IsToldOfAnEarlierEnd(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		_, ctx, call, release := inHandler(t, p, m, asIs)
		defer release()
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		if f := take(t, meter(ctx, 1), "function"); f.abort == nil {
			t.Errorf("f finds %+v, want an abort", f)
		}
	})
}

// The client leaves while the handler works on, and nothing asks before it returns.
func TestC9_AfterFunc_StatusStandsAfterTheReturn(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		ran := make(chan struct{}, 2)
		s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
			abort.AfterFunc(r.Context(), func(context.Context) { ran <- struct{}{} })
			w.WriteHeader(http.StatusAccepted)
			flush(w)
			time.Sleep(time.Second)
		})
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		take(t, ran, "function")
		time.Sleep(time.Second)
		if o := ended(t, call); o.Status != 202 || o.Sent != 202 || o.Abort == nil {
			t.Errorf("Outcome = %+v, want 202 as sent, and an abort", o)
		}
	})
}

// Where no abort can be known f never runs, and stop reports true.
func TestC9_AfterFunc_Never(t *testing.T) {
	never := func(t *testing.T, where string, ctx context.Context, f func(context.Context)) {
		t.Helper()
		stop := abort.AfterFunc(ctx, f)
		for range 2 {
			if !stop() {
				t.Errorf("%s: stop() = false, want true", where)
			}
		}
	}
	runs := func(context.Context) { t.Error("f runs where no abort can be known") }
	never(t, "no request", t.Context(), runs)
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		for _, c := range []struct {
			name string
			wrap func(http.Handler) http.Handler
			do   func(ctx context.Context) // before AfterFunc
		}{
			{"Ignore", abort.Ignore, nil},
			{"exit", asIs, func(ctx context.Context) { exitcode.Exit(ctx, 503) }},
			{"Send", asIs, func(ctx context.Context) {
				if eof.Send(ctx) != nil { // without Detach
					exitcode.Exit(ctx, 200)
				}
			}},
		} {
			_, ctx, call, release := inHandler(t, p, m, c.wrap)
			never(t, "nil function", ctx, nil)
			if c.do != nil {
				c.do(ctx)
			}
			never(t, c.name, ctx, runs)
			call.Leave(aborttest.Timeout)
			never(t, c.name+", client gone", ctx, runs)
			release()
			synctest.Wait()
			never(t, c.name+", after the end", ctx, runs)
		}
	})
}

func TestC9_AfterFunc_InATask(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
		tasks, end := make(chan context.Context, 1), make(chan struct{})
		defer close(end)
		_, ctx, call, release := inHandler(t, p, m, asIs)
		eof.Defer(ctx, func(ctx context.Context) {
			tasks <- ctx
			<-end
		})
		meter(ctx, 1)
		call.Leave(aborttest.Timeout) // the request aborts, and its task goes on
		release()
		task := take(t, tasks, "task")
		if stop := abort.AfterFunc(task, func(context.Context) { t.Error("f runs in a task") }); !stop() {
			t.Error("stop() = false in a task, want true")
		}
	})
}

// A handler inside lastbyte, but not inside Check.
func TestC9_AfterFunc_NoCheck(t *testing.T) {
	run(t, func(t *testing.T, p aborttest.Protocol) {
		stops, release := make(chan bool, 1), make(chan struct{})
		s := start(t, p, alone, exitcode.New(exitcode.Options{})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			stop := abort.AfterFunc(r.Context(), func(context.Context) { t.Error("f runs without Check") })
			<-release
			stops <- stop()
		})).ServeHTTP)
		call := s.Get("/")
		synctest.Wait()
		call.Leave(aborttest.Timeout)
		synctest.Wait()
		close(release)
		if !take(t, stops, "stop()") {
			t.Error("stop() = false without Check, want true")
		}
	})
}
