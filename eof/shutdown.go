package eof

import (
	"context"
	"fmt"

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
// OnDrain, which it tracks already, so that a Shutdown waits for them.
func (b *Background) drain() (calls []work.Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.draining {
		b.draining = true
		b.closeLocked()
	}
	for e := range b.calls.All() {
		c := e.Work().(work.Call)
		b.calls.Remove(c)
		e.Waiting = false
		b.trackLocked(c, nil)
		calls = append(calls, c)
	}
	for e := range b.waits.All() {
		switch t := e.Work().(*task); {
		case t.series != nil:
			b.endLocked(t)
		case t.timer != nil && t.timer.Stop():
			t.timer = nil
			t.premature = true
			b.startLocked(t)
		}
	}
	return calls
}

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

// giveUp cancels what runs and drops what waits.
func (b *Background) giveUp(ctx context.Context) error {
	b.mu.Lock()
	b.forced = true
	items, callbacks := b.itemsLocked()
	for e := range b.waits.All() {
		e.Lost = true
		b.waits.Remove(e.Work())
	}
	b.stats.Lost += uint64(b.stats.Pending)
	b.stats.Pending = 0
	b.queue.Init()
	var given []work.Work
	for e := range b.runs.All() {
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
	return fmt.Errorf("eof: shutdown gave up %s: %w", gaveUp(items, callbacks), ctx.Err())
}
