package eof

import (
	"context"
	"runtime/pprof"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// task is a function of Defer or After. Its way is reserve, due, start, run;
// it counts as pending up to start.
type task struct {
	b         *Background
	req       *request.Request
	fn        func(context.Context)
	ctx       context.Context
	delay     time.Duration
	premature bool                    // written before start
	cancel    context.CancelCauseFunc // written before run
	entry     work.Entry
}

// Entry is the Background's, see work.Work.
func (t *task) Entry() *work.Entry { return &t.entry }

// Cancel gives t up, see work.Work.
func (t *task) Cancel(_, cause error) { t.cancel(cause) }

// reserve takes a place for t among those that wait.
func (b *Background) reserve(t *task) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.forced, b.draining && t.delay > 0:
		b.stats.Rejected++
		return ErrShuttingDown
	case b.stats.Pending >= int64(b.o.Pending):
		b.stats.Rejected++
		return ErrTooManyPending
	}
	b.stats.Pending++
	return nil
}

// due is called when the response has ended.
func (t *task) due() {
	b := t.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.delay > 0 && !b.draining {
		b.timers[t] = time.AfterFunc(t.delay, t.fire)
		return
	}
	t.premature = t.delay > 0
	b.startLocked(t)
}

func (t *task) fire() {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	delete(t.b.timers, t)
	t.b.startLocked(t)
}

// startLocked runs t now if it may, else when another has ended, in order.
func (b *Background) startLocked(t *task) {
	switch {
	case b.forced: // given up, and counted as lost
	case b.stats.Running >= int64(b.o.Running):
		b.queue.PushBack(t)
	default:
		b.runLocked(t)
	}
}

func (b *Background) runLocked(t *task) {
	b.stats.Pending--
	b.stats.Running++
	t.ctx, t.cancel = context.WithCancelCause(t.ctx)
	b.runs.Add(t)
	b.workers.goLocked(func() { b.run(t) })
}

// run is a task's goroutine. What is done at its end is deferred, so that
// runtime.Goexit in a task takes no place away.
func (b *Background) run(t *task) {
	pprof.SetGoroutineLabels(t.ctx) // else they are those of the goroutine that started this one
	panicked := false
	defer b.tell(t, time.Now())
	defer t.cancel(context.Canceled)
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.stats.Running--
		if e := b.queue.Front(); e != nil {
			b.runLocked(b.queue.Remove(e).(*task))
		}
		b.countLocked(t, panicked)
	}()
	ctx := t.ctx
	if b.o.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, b.o.Timeout)
		defer stop()
	}
	scope.Given(ctx)
	t.req.RunTask(func() { t.fn(ctx) }, func(l usercall.Left) {
		panicked = l.Panicked()
		t.req.Report(ctx, "task", l, b.o.OnPanic)
	})
}

// tell tells the Lifecycle around that t, which began then, has ended.
func (b *Background) tell(t *task, began time.Time) {
	b.mu.Lock()
	f := b.onTask
	b.mu.Unlock()
	if f != nil {
		f(t.ctx, began, time.Since(began))
	}
}
