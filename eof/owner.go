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
	if o.detached.Load() < int64(o.o.Detached) {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stats.Refused++
	return errTooMany
}

func (o *owner) Go(g work.Goroutine, deep bool) { o.workers.run(g, deep) }

func (o *owner) Left() { o.workers.left() }

func (o *owner) Sent(w work.Work, a work.About) error {
	b := (*Background)(o)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.detached.Add(1)
	e := b.runs.Add(w)
	e.Handler = b.handlerLocked()
	e.Handler.About = a
	if b.forced {
		b.stats.Lost++
		e.Lost = true
		return ErrShuttingDown
	}
	if b.o.Timeout > 0 {
		e.Handler.Timer = time.AfterFunc(b.o.Timeout, func() { w.Cancel(context.DeadlineExceeded, context.DeadlineExceeded) })
	}
	return nil
}

func (o *owner) Over(w work.Work, panicked bool) {
	b := (*Background)(o)
	b.mu.Lock()
	defer b.mu.Unlock()
	h := w.Entry().Handler
	w.Entry().Handler = nil
	if h.Timer != nil {
		h.Timer.Stop()
	}
	b.freeLocked(h)
	b.detached.Add(-1)
	b.countLocked(w, panicked)
}

func (o *owner) Name(w work.Work, a work.About) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if h := w.Entry().Handler; h != nil {
		h.About = a
	}
}

// maxFree is how many are kept of what is known of a handler: so Send allocates
// nothing.
const maxFree = 256

func (b *Background) handlerLocked() *work.Handler {
	h := b.free
	if h == nil {
		return new(work.Handler)
	}
	b.free, h.Next = h.Next, nil
	b.freed--
	return h
}

func (b *Background) freeLocked(h *work.Handler) {
	if b.freed == maxFree {
		return
	}
	*h = work.Handler{Next: b.free}
	b.free = h
	b.freed++
}

func (o *owner) OnPanic() func(v any, stack []byte) { return o.o.OnPanic }

func (o *owner) Resume() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.draining {
		o.drained = make(chan struct{})
	}
	o.draining, o.forced = false, false
}

func (o *owner) Listen(l work.Listener) { o.listener.Store(&l) }

func (o *owner) Track(w work.Work, h *work.Handler) {
	o.mu.Lock()
	late := (*Background)(o).trackLocked(w, h)
	o.mu.Unlock()
	if late {
		w.Cancel(context.Canceled, ErrShuttingDown)
	}
}

// trackLocked is Track. late: w has to be cancelled.
func (b *Background) trackLocked(w work.Work, h *work.Handler) (late bool) {
	e := b.runs.Add(w)
	e.Handler, e.Other, e.Hijacked = h, h == nil, h != nil
	if b.forced && h != nil {
		b.stats.Lost++
		e.Lost = true
	}
	return b.forced
}

func (o *owner) Untrack(w work.Work) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.runs.Remove(w)
	(*Background)(o).endedLocked()
}

func (o *owner) OnDrain(c work.Call) (now bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls.Add(c).Waiting = true
	return o.draining
}

func (o *owner) OffDrain(c work.Call) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := c.Entry()
	if !e.Waiting || o.draining {
		return false
	}
	e.Waiting = false
	o.calls.Remove(c)
	return true
}

func (o *owner) Due(c work.Call) bool {
	b, e := (*Background)(o), c.Entry()
	b.mu.Lock()
	if e.Waiting { // the drain has not come to it yet
		b.takeLocked(c)
	}
	due, late := e.Due, b.forced
	e.Due = false
	b.mu.Unlock()
	if due && late {
		c.Cancel(context.Canceled, ErrShuttingDown)
	}
	return due
}

// takeLocked has a Shutdown wait for c, which waits, from before it has begun.
func (b *Background) takeLocked(c work.Call) {
	e := c.Entry()
	b.calls.Remove(c)
	e.Waiting, e.Due = false, true
	b.trackLocked(c, nil)
}
