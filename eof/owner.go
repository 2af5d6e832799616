package eof

import (
	"context"
	"errors"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// owner is a Background as the request sees it.
type owner Background

// errTooMany is the cause of the exit that refuses a request.
var errTooMany = errors.New("eof: too many handlers at work without a client")

// Admit refuses a handler while Options.Detached others work without a client.
// Whether it will do so itself nobody knows: this is where a server stops to take
// on work, not a bound that no handler passes.
func (o *owner) Admit() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stats.Detached < int64(o.o.Detached) {
		return nil
	}
	o.stats.Refused++
	return errTooMany
}

func (o *owner) Go(j work.Job) { o.workers.run(j) }

func (o *owner) Sent(w work.Work) error {
	b := (*Background)(o)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Detached++
	e := b.runs.Add(w)
	if b.forced {
		b.stats.Lost++
		e.Lost = true
		return ErrShuttingDown
	}
	if b.o.Timeout > 0 {
		e.Timer = time.AfterFunc(b.o.Timeout, func() { w.Cancel(context.DeadlineExceeded, context.DeadlineExceeded) })
	}
	return nil
}

func (o *owner) Over(w work.Work, panicked bool) {
	b := (*Background)(o)
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := w.Entry().Timer; t != nil {
		t.Stop()
	}
	b.stats.Detached--
	b.countLocked(w, panicked)
}

func (o *owner) OnPanic() func(v any, stack []byte) { return o.o.OnPanic }

func (o *owner) Resume() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.draining, o.forced, o.workers.closed = false, false, false
}

func (o *owner) OnTask(f work.TaskFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.onTask = f
}

func (o *owner) Track(w work.Work, counted bool) {
	o.mu.Lock()
	e := o.runs.Add(w)
	e.Other, e.Hijacked = !counted, counted
	late := o.forced
	if late && counted {
		o.stats.Lost++
		e.Lost = true
	}
	o.mu.Unlock()
	if late {
		w.Cancel(context.Canceled, ErrShuttingDown)
	}
}

func (o *owner) Untrack(w work.Work) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.runs.Remove(w)
	(*Background)(o).endedLocked()
}
