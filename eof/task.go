package eof

import (
	"container/list"
	"context"
	"fmt"
	"runtime/pprof"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// task is a function of Defer, After, Go, or one run of Every's. Its way is reserve,
// due, start, run; it counts as pending up to start.
type task struct {
	b      *Background
	req    *request.Request // whose values it has; nil: no request's
	fn     func(context.Context)
	name   string        // what Go and the like were given; "": it is named after req
	delay  time.Duration // to when it is due
	series *series       // of Every; nil: it is none of it
	ctx    context.Context
	cancel context.CancelCauseFunc // written before run
	crew   crew

	// Background.mu guards what follows.

	entry         work.Entry
	since         time.Time // it has waited, or run
	method, route string    // of req; method is known when the response has ended
	premature     bool      // written before start
	timer         *time.Timer
	place         *list.Element // in the queue; nil: it is not there
}

// Entry is the Background's, see work.Work.
func (t *task) Entry() *work.Entry { return &t.entry }

// Cancel gives t up, see work.Work.
func (t *task) Cancel(_, cause error) { t.cancel(cause) }

func (t *task) nameLocked() string {
	if t.name != "" {
		return t.name
	}
	return work.RequestName(t.method, t.route)
}

// add takes a place for t, whose context has the values of ctx. It is due when after
// calls the function that it is given.
func (b *Background) add(ctx context.Context, t *task, after func(due func())) error {
	t.b = b
	t.crew.idle.L = &t.crew.mu
	if err := b.reserve(t); err != nil {
		return err
	}
	own := request.TaskScope(t.req, ctx, t)
	t.ctx = &own
	after(t.due)
	return nil
}

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
	b.waitLocked(t)
	return nil
}

func (b *Background) waitLocked(t *task) {
	b.stats.Pending++
	b.waits.Add(t)
	t.since = time.Now()
}

// due is called when the response has ended, if t is for after one: nobody writes to
// its request any more.
func (t *task) due() {
	b := t.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.name == "" {
		t.method, t.route = t.req.TaskName(t.ctx)
	}
	switch {
	case t.overLocked():
	case t.delay > 0 && !b.draining:
		t.timer = time.AfterFunc(t.delay, t.fire)
	default:
		t.premature = t.delay > 0
		b.startLocked(t)
	}
}

// overLocked reports whether t, which has not run, never will: it was given up, or its
// series has ended.
func (t *task) overLocked() bool { return t.entry.Lost || t.series != nil && t.series.stopped }

func (t *task) fire() {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.timer = nil
	t.b.startLocked(t)
}

// startLocked runs t now if it may, else when another has ended, in order.
func (b *Background) startLocked(t *task) {
	switch {
	case t.overLocked():
	case b.stats.Running >= int64(b.o.Running):
		t.place = b.queue.PushBack(t)
	default:
		b.runLocked(t)
	}
}

func (b *Background) runLocked(t *task) {
	b.stats.Pending--
	b.stats.Running++
	b.waits.Remove(t)
	if t.series != nil {
		t.series.waits = nil
	}
	t.since = time.Now()
	t.ctx, t.cancel = context.WithCancelCause(t.ctx)
	b.runs.Add(t)
	b.workers.goLocked(func() { b.run(t, t.since) })
}

// run is a task's goroutine. What is done at its end is deferred, so that
// runtime.Goexit in a task takes no place away.
func (b *Background) run(t *task, began time.Time) {
	pprof.SetGoroutineLabels(t.ctx) // else they are those of the goroutine that started this one
	panicked := false
	defer b.tell(t, began)
	defer t.cancel(context.Canceled)
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.stats.Running--
		if e := b.queue.Front(); e != nil {
			next := b.queue.Remove(e).(*task)
			next.place = nil
			b.runLocked(next)
		}
		if t.series != nil {
			t.series.nextLocked(t)
		}
		b.countLocked(t, panicked)
	}()
	ctx := t.ctx
	if b.o.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, b.o.Timeout)
		defer stop()
	}
	defer t.crew.wait()
	scope.Given(ctx)
	t.call(func() { t.fn(ctx) }, func(l usercall.Left) {
		panicked = l.Panicked()
		if throws := t.req == nil && l.How == usercall.ByAbortHandler; l.Broken() && !throws { // Throw leaves no note there
			t.cancel(context.Canceled) // its threads are called back
		}
		t.report(ctx, "task", l, b.o.OnPanic)
	})
}

// call runs f, a function of the task's, see usercall.Run.
func (t *task) call(f func(), over func(usercall.Left)) {
	if t.req != nil {
		t.req.RunTask(f, over)
		return
	}
	usercall.Run(f, func() (exits, thrown bool) { return false, false }, over)
}

// report tells of a panic, see request.Request.Report. what names the function.
func (t *task) report(ctx context.Context, what string, l usercall.Left, tell func(v any, stack []byte)) {
	if t.name != "" {
		what += " " + work.Plain(t.name)
	}
	switch {
	case t.req != nil:
		t.req.Report(ctx, what, l, tell)
	case !l.Panicked():
	case tell == nil:
		t.b.log(ctx, what, l)
	default:
		t.call(func() { tell(l.Value, l.Stack) }, func(l usercall.Left) {
			if l.Panicked() {
				t.b.log(ctx, "OnPanic", l)
			}
		})
	}
}

// log logs a panic where there is no request to log it: by the Lifecycle, else by the
// standard logger.
func (b *Background) log(ctx context.Context, what string, l usercall.Left) {
	b.mu.Lock()
	to := b.listener
	b.mu.Unlock()
	text := fmt.Sprintf("lastbyte: panic in %s: %q", what, usercall.Printed(l.Value))
	request.LogApart(text, l.Stack, nil, func() bool { return to != nil && to.Log(ctx, text, l.Stack) })
}

// tell tells the Lifecycle around that t, which began then, has ended.
func (b *Background) tell(t *task, began time.Time) {
	b.mu.Lock()
	to, name := b.listener, t.nameLocked()
	b.mu.Unlock()
	if to != nil {
		to.TaskEnded(name, began, time.Since(began))
	}
}
