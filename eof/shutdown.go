package eof

import (
	"context"
	"fmt"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Drain begins a shutdown and does not wait: tasks of [After] that are not due
// run at once, and new ones are refused.
func (b *Background) Drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
	for t, timer := range b.timers {
		if timer.Stop() {
			t.premature = true
			b.startLocked(t)
		}
		delete(b.timers, t)
	}
}

// Shutdown begins with [Background.Drain] and waits until the work has ended:
// running and waiting tasks, detached handlers, abort callbacks, and the handlers
// of hijacked connections, which http.Server.Shutdown does not wait for, until
// they return. For lastbyte, a handler that returns and leaves its connection to
// another goroutine is over. Tasks of
// [Defer] are still accepted. If ctx ends first, Shutdown cancels the work that
// is left with [ErrShuttingDown] as the cause, drops the tasks that wait, and
// returns an error that says how much work that was and that matches the error
// of ctx. It may be called at any time, more than once and concurrently; each
// call waits.
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
	left := b.stats.Running + b.stats.Pending + b.stats.Detached
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
		if e.Hijacked {
			left++
		}
	}
	b.endedLocked()
	b.mu.Unlock()
	for _, w := range given {
		w.Cancel(context.Canceled, ErrShuttingDown)
	}
	return fmt.Errorf("eof: shutdown gave up %d tasks and handlers: %w", left, ctx.Err())
}
