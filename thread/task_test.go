package thread_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/thread"
)

// inTask runs f in each kind of task: of a request, and of none. b is shut down when f's
// task has been given to it; f's result is checked by itself.
func inTask(t *testing.T, o eof.Options, f func(t *testing.T, b *eof.Background, ctx context.Context)) {
	t.Helper()
	each(t, func(t *testing.T, p aborttest.Protocol) {
		b := eof.New(o)
		start := func(ctx context.Context) {
			if err := eof.Defer(ctx, func(ctx context.Context) { f(t, b, ctx) }); err != nil {
				t.Errorf("Defer() = %v, want nil", err)
			}
		}
		s := bare(t, p, b.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { start(r.Context()) })))
		s.Get("/").Response()
		shutdown(t, b)
	})
	t.Run("Go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := eof.New(o)
			if err := b.Go(t.Context(), "it", func(ctx context.Context) { f(t, b, ctx) }); err != nil {
				t.Errorf("Go() = %v, want nil", err)
			}
			shutdown(t, b)
		})
	})
}

func shutdown(t *testing.T, b *eof.Background) {
	t.Helper()
	if err := b.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown() = %v, want nil", err)
	}
}

// TestB14_TheTaskEndsAfterItsThreads: until then its context lives, it counts as running,
// and a shutdown waits for it.
func TestB14_TheTaskEndsAfterItsThreads(t *testing.T) {
	ended := make(chan time.Duration, 3)
	inTask(t, eof.Options{}, func(t *testing.T, b *eof.Background, ctx context.Context) {
		start := time.Now()
		_, err := thread.Spawn(ctx, func(thr context.Context) error {
			time.Sleep(time.Second) // the task's function has returned
			if s := b.Stats(); s.Running != 1 || ctx.Err() != nil || thr.Err() != nil {
				t.Errorf("after a second: Stats() = %+v, contexts ended by %v and %v; want a task at work", s, ctx.Err(), thr.Err())
			}
			_, err := thread.Spawn(thr, func(context.Context) error {
				time.Sleep(time.Second)
				if ctx.Err() != nil {
					t.Errorf("the task's context has ended by %v while a thread runs", ctx.Err())
				}
				return nil
			})
			if err != nil {
				t.Errorf("Spawn() in a thread of a task = %v, want nil", err)
			}
			return nil
		})
		if err != nil {
			t.Errorf("Spawn() in a task = %v, want nil", err)
		}
		context.AfterFunc(ctx, func() { ended <- time.Since(start) })
	})
	close(ended)
	for d := range ended {
		if d != 2*time.Second {
			t.Errorf("a task's context ends after %v, want 2s: with its last thread", d)
		}
	}
}

// TestB14_SpawnAfterTheTask: nothing begins in a task that is over.
func TestB14_SpawnAfterTheTask(t *testing.T) {
	inTask(t, eof.Options{}, func(t *testing.T, _ *eof.Background, ctx context.Context) {
		context.AfterFunc(ctx, func() { wantErr(t, "Spawn after the task", spawn(t, ctx), thread.ErrEnded) })
	})
}

// TestB14_Endings: what ends a task's context ends those of its threads, with its cause; a
// thread's own end is nobody's.
func TestB14_Endings(t *testing.T) {
	for name, c := range map[string]struct {
		o     eof.Options
		task  func(ctx context.Context, th *thread.Thread)
		err   error
		cause error
		after time.Duration
	}{
		"Timeout": {eof.Options{Timeout: time.Second}, nil, context.DeadlineExceeded, context.DeadlineExceeded, time.Second},
		"Kill":    {eof.Options{}, func(_ context.Context, th *thread.Thread) { th.Kill() }, context.Canceled, thread.ErrKilled, 0},
		"a panic": {eof.Options{OnPanic: func(any, []byte) {}}, func(context.Context, *thread.Thread) { panic("on purpose") },
			context.Canceled, context.Canceled, 0},
		"Throw": {eof.Options{Timeout: time.Minute}, func(ctx context.Context, _ *thread.Thread) { exitcode.Throw(ctx, 500) },
			context.DeadlineExceeded, context.DeadlineExceeded, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inTask(t, c.o, func(t *testing.T, _ *eof.Background, ctx context.Context) {
				start := time.Now()
				th, err := thread.Spawn(ctx, func(ctx context.Context) error {
					<-ctx.Done()
					at(t, "the thread's end", start, c.after)
					wantErr(t, "its ctx.Err()", ctx.Err(), c.err)
					wantErr(t, "its cause", context.Cause(ctx), c.cause)
					return nil
				})
				wantErr(t, "Spawn", err, nil)
				if c.task != nil {
					c.task(ctx, th)
				}
			})
		})
	}
}

// TestB14_T7: a thread that a thread of a task has spawned belongs to the task. Kill passes
// on.
func TestB14_T7(t *testing.T) {
	inTask(t, eof.Options{}, func(t *testing.T, _ *eof.Background, ctx context.Context) {
		for _, kill := range []bool{false, true} {
			inner := make(chan *thread.Thread, 1)
			th, err := thread.Spawn(ctx, func(ctx context.Context) error {
				in, err := thread.Spawn(ctx, sleeper(time.Second, nil))
				inner <- in
				if kill {
					<-ctx.Done()
				}
				return err
			})
			wantErr(t, "Spawn", err, nil)
			if kill {
				th.Kill()
			}
			th.Wait(ctx)
			want := error(nil)
			if kill {
				want = thread.ErrKilled
			}
			wantErr(t, "the inner thread", (<-inner).Wait(ctx), want)
		}
	})
}

// TestB14_Errors: a panic of a thread is its own, and so are its exits; the task goes on.
func TestB14_Errors(t *testing.T) {
	inTask(t, eof.Options{}, func(t *testing.T, b *eof.Background, ctx context.Context) {
		for name, c := range map[string]struct {
			f    func(ctx context.Context) error
			want func(err error) bool
		}{
			"error": {func(context.Context) error { return http.ErrBodyNotAllowed }, func(err error) bool { return err == http.ErrBodyNotAllowed }},
			"panic": {func(context.Context) error { panic(http.ErrAbortHandler) }, isPanic},
			"Exit, and Send": {func(ctx context.Context) error { return errors.Join(exitcode.Exit(ctx, 500), eof.Send(ctx)) }, func(err error) bool {
				_, ok := exitcode.From(ctx)
				return err != nil && !ok
			}},
		} {
			th, err := thread.Spawn(ctx, c.f)
			wantErr(t, "Spawn", err, nil)
			if err := th.Wait(ctx); !c.want(err) {
				t.Errorf("%s: Wait() = %v", name, err)
			}
		}
		if ctx.Err() != nil || b.Stats().Panicked > 0 {
			t.Errorf("the task's context has ended by %v, Stats() = %+v; want a task that goes on", ctx.Err(), b.Stats())
		}
	})
}

// TestB14_PanicIsLogged: with the stack of the thread, and the name of the task.
func TestB14_PanicIsLogged(t *testing.T) {
	each(t, func(t *testing.T, p aborttest.Protocol) {
		b := eof.New(eof.Options{})
		s := bare(t, p, b.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = b.Go(r.Context(), "index", func(ctx context.Context) {
				_, _ = thread.Spawn(ctx, func(context.Context) error { panic("on purpose") })
			})
		})))
		s.Get("/").Response()
		shutdown(t, b)
		if got := s.Log(); !strings.Contains(got, `panic in thread of task index: "on purpose"`) || !strings.Contains(got, "TestB14_PanicIsLogged") {
			t.Errorf("ErrorLog = %q, want the panic, the task's name and the stack", got)
		}
	})
}

// TestB14_ChainOfTasksAndThreads: a task whose thread makes the next task, round after
// round, costs what one costs.
func TestB14_ChainOfTasksAndThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rounds = 5_000
		b := eof.New(eof.Options{Timeout: time.Hour})
		base := &deep{Context: t.Context()}
		n, first := 0, 0
		last := make(chan struct{})
		var again func(ctx context.Context)
		again = func(ctx context.Context) {
			if n++; n == 10 || n == rounds {
				ctx.Value(depthKey{})
			}
			if n == 10 {
				first = base.depth
			}
			if n == rounds {
				close(last)
				return
			}
			_, err := thread.Spawn(ctx, func(ctx context.Context) error {
				_, err := thread.Spawn(ctx, func(ctx context.Context) error { return b.After(ctx, time.Second, "it", again) })
				return err
			})
			wantErr(t, "Spawn", err, nil)
		}
		wantErr(t, "Go", b.Go(base, "it", again), nil)
		<-last
		if n != rounds || base.depth > first {
			t.Errorf("ctx.Value takes %d calls after %d rounds, %d after 10, want no more", base.depth, n, first)
		}
		shutdown(t, b)
	})
}
