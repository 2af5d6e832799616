package eof

import (
	"context"
	"fmt"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Drain begins what Shutdown waits for: tasks of [After] that are not due run
// at once, and no new ones are accepted. It does not wait.
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

// Shutdown waits for the work to end: running and waiting tasks, detached
// handlers, abort callbacks. It begins with [Background.Drain]; tasks of [Defer]
// are still accepted. If ctx ends first, it cancels what is left
// with [ErrShuttingDown], drops what waits, and gives an error that says how
// much and Is the error of ctx. It may be called at any time, twice, and at
// once; each call waits.
//
// When it has returned nil, the goroutines of that work have ended. To know, it
// looks at the traces of all goroutines, which stops the process for a moment. In
// a process with more than 10,000 goroutines it does not look, and the last of them
// may still be returning.
//
// Call it after http.Server.Shutdown, which does not know of this work.
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
	}
	b.endedLocked()
	b.mu.Unlock()
	for _, w := range given {
		w.Cancel(context.Canceled, ErrShuttingDown)
	}
	return fmt.Errorf("eof: shutdown gave up %d tasks and handlers: %w", left, ctx.Err())
}
