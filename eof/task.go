package eof

import (
	"context"
	"fmt"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// task is a function of Defer, After, Go, or one run of Every's. Its way is reserve,
// due, start, run; it counts as pending up to start. It is a goroutine of the Background,
// too, and has what its context is made of: so it takes few allocations.
type task struct {
	b      *Background
	req    *request.Request // whose values it has; nil: no request's
	fn     func(context.Context)
	name   string               // what Go and the like were given; "": it is named after req
	delay  time.Duration        // to when it is due
	series *series              // of Every; nil: it is none of it
	ctx    scope.Own            // written before due; Options.Timeout makes a child of it
	crew   atomic.Pointer[crew] // nil: it has had none so far

	// Background.mu guards what follows. What is written before start may be read by
	// the task's goroutine, since nobody writes it after that.

	entry         work.Entry
	in            *work.List  // one of Background's; nil: it has not run, and never will
	since         time.Time   // it has waited, or run; written before start
	method, route string      // of req; written before start, when the response has ended
	premature     bool        // written before start
	timer         *time.Timer // nil: it does not wait for its time

	panicked bool // of its goroutine alone
	counted  bool // that it has ended; likewise
}

// Entry is the Background's, see work.Work.
func (t *task) Entry() *work.Entry { return &t.entry }

// Cancel gives t up, see work.Work.
func (t *task) Cancel(_, cause error) { t.ctx.Cancel(cause) }

// known gives the name of t. For its goroutine, or under Background.mu.
func (t *task) known() string {
	if t.name != "" {
		return t.name
	}
	return work.RequestName(t.method, t.route)
}

// init is called before anybody else knows t, whose context has the values of ctx.
func (t *task) init(b *Background, ctx context.Context) {
	t.b = b
	t.ctx.Scope = request.TaskScope(t.req, ctx, t)
}

// reserve takes a place for t among those that wait.
func (b *Background) reserve(t *task) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reserveLocked(t)
}

func (b *Background) reserveLocked(t *task) error {
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
	b.moveLocked(t, &b.waits)
	t.since = time.Now()
}

// moveLocked has t in to, and in no other list.
func (b *Background) moveLocked(t *task, to *work.List) {
	if t.in != nil {
		t.in.Remove(t)
	}
	if t.in = to; to != nil {
		to.Add(t)
	}
}

// due is called when the response has ended, if t is for after one: nobody writes to
// its request any more.
func (t *task) due() {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.b.dueLocked(t)
}

func (b *Background) dueLocked(t *task) {
	if t.name == "" {
		t.method, t.route = t.req.TaskName(&t.ctx)
	}
	switch {
	case t.in == nil:
	case t.delay > 0 && !b.draining:
		b.timeLocked(t)
	default:
		t.premature = t.delay > 0
		b.startLocked(t)
	}
}

// timeLocked has t wait for its time.
func (b *Background) timeLocked(t *task) {
	b.moveLocked(t, &b.timed)
	t.timer = time.AfterFunc(t.delay, t.fire)
}

func (t *task) fire() {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	if t.timer != nil { // else a drain was quicker, or the end of the series
		t.timer = nil
		t.b.startLocked(t)
	}
}

// startLocked runs t now if it may, else when another has ended, in order.
func (b *Background) startLocked(t *task) {
	switch {
	case t.series != nil && b.draining:
		b.endLocked(t)
	case b.stats.Running >= int64(b.o.Running):
		b.moveLocked(t, &b.queue)
	default:
		b.runLocked(t)
	}
}

func (b *Background) runLocked(t *task) {
	b.stats.Pending--
	b.stats.Running++
	b.moveLocked(t, &b.runs)
	if t.series != nil {
		t.series.waits = nil
	}
	t.since = time.Now()
	b.workers.run(t, false)
}

// Run is the goroutine of a task, see work.Goroutine. What is done at its end is deferred,
// or in Left, so that runtime.Goexit in a task takes no place away.
func (t *task) Run() {
	pprof.SetGoroutineLabels(&t.ctx) // else they are those of the goroutine that started this one
	defer t.over()
	var ctx context.Context = &t.ctx
	if d := t.b.o.Timeout; d > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, d)
		defer stop()
	}
	defer t.wait()
	scope.Given(ctx)
	t.call(func() { t.fn(ctx) }, func(l usercall.Left) {
		t.panicked = l.Panicked()
		if throws := t.req == nil && l.How == usercall.ByAbortHandler; l.Broken() && !throws { // Throw leaves no note there
			t.ctx.Cancel(nil) // its threads are called back
		}
		t.report(ctx, "task", l, t.b.o.OnPanic)
	})
}

// over ends t for all but its goroutine, and tells the Lifecycle around, if there is one
// that wants to know. If there is none, Left does it with what it does besides.
func (t *task) over() {
	b := t.b
	t.ctx.Cancel(nil)
	to := b.listener.Load()
	if to == nil || !(*to).Hears() {
		return
	}
	b.mu.Lock()
	b.overLocked(t)
	b.mu.Unlock()
	(*to).TaskEnded(t.known(), t.since, time.Since(t.since))
}

// overLocked counts t, and has the next one run.
func (b *Background) overLocked(t *task) {
	t.counted = true
	b.stats.Running--
	b.nextLocked()
	if t.series != nil {
		t.series.nextLocked(t)
	}
	b.countLocked(t, t.panicked)
}

// nextLocked runs the first of those that wait for their turn.
func (b *Background) nextLocked() {
	for b.queue.Len() > 0 && b.stats.Running < int64(b.o.Running) && !b.forced {
		b.startLocked(b.queue.First().Work().(*task))
	}
}

// Left is the last call on the goroutine, see work.Goroutine.
func (t *task) Left() {
	if b := t.b; !t.counted {
		b.mu.Lock()
		b.overLocked(t)
		b.mu.Unlock()
	}
	t.b.workers.left()
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
	if !l.Panicked() {
		return
	}
	if t.name != "" {
		what += " " + work.Plain(t.name)
	}
	switch {
	case t.req != nil:
		t.req.Report(ctx, what, l, tell)
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
	to := b.listener.Load()
	text := fmt.Sprintf("lastbyte: panic in %s: %q", what, usercall.Printed(l.Value))
	request.LogApart(text, l.Stack, nil, func() bool { return to != nil && (*to).Log(ctx, text, l.Stack) })
}
