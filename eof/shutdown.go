package eof

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Drain begins a shutdown and does not wait: [Draining] is closed and the
// functions of [OnDrain] run, tasks of [After] that are not due run at once, the
// series of [Background.Every] end, and new ones of both are refused. It may be
// called more than once and concurrently. It is for
// http.Server.RegisterOnShutdown; middleware.Lifecycle.Attach does that itself.
func (b *Background) Drain() {
	for _, c := range b.drain() {
		c.Begin()
	}
}

// drain is Drain up to what is not to be done under the lock: to begin the functions of
// OnDrain, which it tracks already, so that a Shutdown waits for them. It takes the lock
// for a part of them and of the tasks at a time, since there may be a million: what
// comes in between finds that a drain has begun.
func (b *Background) drain() (calls []work.Call) {
	b.mu.Lock()
	if !b.draining {
		b.draining = true
		b.closeLocked()
	}
	b.mu.Unlock()
	b.inParts(func() bool {
		e := b.calls.First()
		if e == nil || !b.draining {
			return false
		}
		c := e.Work().(work.Call)
		b.takeLocked(c)
		calls = append(calls, c)
		return true
	}, func() {})
	timers := make([]*time.Timer, 0, part)
	b.inParts(func() bool {
		e := b.timed.First()
		if e == nil || !b.draining {
			return false
		}
		t := e.Work().(*task)
		timers = append(timers, t.timer)
		t.timer, t.premature = nil, true // fire finds that this was quicker
		b.startLocked(t)
		return true
	}, func() {
		for _, t := range timers { // to stop many may take package time long
			t.Stop()
		}
		timers = timers[:0]
	})
	var next *work.Entry
	b.inParts(func() bool { // the series that wait for their turn
		if next == nil || next.Work().(*task).in != &b.queue { // those ahead of it have begun, too
			next = b.queue.First()
		}
		if next == nil {
			return false
		}
		t := next.Work().(*task)
		if next = next.Next(); t.series != nil {
			b.endLocked(t)
		}
		return next != nil
	}, func() {})
	return calls
}

// inParts calls more with the lock held until it gives false, and lets others have the
// lock from time to time; then it calls between.
//
// Package runtime takes the processor from a goroutine that has run for 10 ms, and here
// that would almost always be with the lock held, for as long as it takes others to run:
// so this gives the processor away before.
func (b *Background) inParts(more func() bool, between func()) {
	began := time.Now()
	for again := true; again; {
		b.mu.Lock()
		for n := 0; again && n < part; n++ {
			again = more()
		}
		b.mu.Unlock()
		between()
		if time.Since(began) > 5*time.Millisecond {
			runtime.Gosched()
			began = time.Now()
		}
	}
}

// part is how many pieces of work inParts has done with the lock held once: some 0.2 ms.
const part = 500

// closeLocked closes drained. That of a Background which was made in a
// testing/synctest bubble may not be closed outside of it; the bubble has ended then,
// and all that could wait there with it.
func (b *Background) closeLocked() {
	if b.bubble && !work.InBubble() {
		b.drained = make(chan struct{})
	}
	close(b.drained)
}

// Shutdown begins with [Background.Drain] and waits until the work has ended:
// running and waiting tasks, detached handlers, abort callbacks, and the handlers
// of hijacked connections, which http.Server.Shutdown does not wait for, until
// they return. For lastbyte, a handler that returns and leaves its connection to
// another goroutine is over. Tasks of
// [Defer] are still accepted. If ctx ends first, Shutdown cancels the work that
// is left with [ErrShuttingDown] as the cause, drops the tasks that wait, and
// returns an error that names this work, as [Background.Work] does, and that
// matches the error of ctx:
//
//	eof: shutdown gave up 1 handler (POST /tasks, 12.3s) and 2 tasks (reindex 4.0s, mail 1.1s): context deadline exceeded
//
// The ten oldest are named. It may be called at any time, more than once and
// concurrently; each call waits.
//
// When Shutdown has returned nil, the goroutines of that work have ended. To
// know that, it examines the stacks of all goroutines, which stops the process
// for a moment. In a process with more than 10,000 goroutines it does not, and
// the last goroutines may still be returning.
//
// Call Shutdown after http.Server.Shutdown, which does not wait for this work.
func (b *Background) Shutdown(ctx context.Context) error {
	b.Drain()
	b.mu.Lock()
	if b.idle == nil {
		b.idle = make(chan struct{})
		b.workers.awaited.Store(true)
	}
	idle := b.idle
	b.endedLocked()
	b.mu.Unlock()

	select {
	case <-idle:
		work.Gone()
		return nil
	case <-ctx.Done():
	}
	select {
	case <-idle:
		work.Gone()
		return nil
	default:
		return b.giveUp(ctx)
	}
}

// giveUpLocked gives up the first of l, which waits. False: there is none.
func (b *Background) giveUpLocked(l *work.List, gone *gone) bool {
	e := l.First()
	if e == nil {
		return false
	}
	gone.add(pieceOf(e, false))
	e.Lost = true
	b.stats.Lost++
	b.dropLocked(e.Work().(*task))
	return true
}

// giveUp cancels what runs and drops what waits.
func (b *Background) giveUp(ctx context.Context) error {
	b.mu.Lock()
	b.forced = true
	b.mu.Unlock()
	var gone gone
	for _, l := range []*work.List{&b.waits, &b.timed, &b.queue} { // in the order in which a task is in them
		b.inParts(func() bool { return b.giveUpLocked(l, &gone) }, func() {})
	}
	var given []work.Work
	b.mu.Lock()
	for e := range b.runs.All() { // what comes from now on is cancelled by who adds it
		gone.add(pieceOf(e, true))
		if !e.Lost {
			e.Lost = true
			given = append(given, e.Work())
			if !e.Other {
				b.stats.Lost++
			}
		}
	}
	b.endedLocked()
	b.mu.Unlock()
	for _, w := range given {
		w.Cancel(context.Canceled, ErrShuttingDown)
	}
	return fmt.Errorf("eof: shutdown gave up %s: %w", &gone, ctx.Err())
}
