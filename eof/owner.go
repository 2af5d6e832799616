package eof

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// owner is a Background as the request sees it.
type owner Background

// errTooMany is the cause of the exit that refuses a request.
var errTooMany = errors.New("eof: too many handlers at work without a client")

// Admit refuses a handler while Options.Detached others work without a client.
// Whether it will do so itself nobody knows: this is where a server stops to take
// on work, not a bound that no handler passes.
func (o *owner) Admit() *request.Exit {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stats.Detached < int64(o.o.Detached) {
		return nil
	}
	o.stats.Refused++
	return &request.Exit{Code: http.StatusServiceUnavailable, Cause: errTooMany, Page: refusedPage}
}

// refusedPage is the page of a refusal where the settings name none, as
// exitcode.PlainText has it.
func refusedPage(w http.ResponseWriter, _ *http.Request, code int) {
	http.Error(w, fmt.Sprintf("%d %s", code, http.StatusText(code)), code)
}

func (o *owner) Go(job request.Job) {
	own := request.InBubble() == o.bubble
	o.mu.Lock()
	o.handlers++
	var w *worker
	if own {
		w = o.workers.takeLocked()
	}
	if w == nil {
		o.goroutines++
	}
	o.mu.Unlock()
	if !own {
		request.Go(func() { (*Background)(o).workOnce(job) }, o.left)
		return
	}
	if w != nil {
		w.next <- job // there is room: w is parked, and only who took it sends
		return
	}
	request.Go(func() { (*Background)(o).work(&worker{next: make(chan request.Job, 1)}, job) }, o.left)
}

// left is the last that a goroutine of the Background does.
func (o *owner) left() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.goroutines--
	(*Background)(o).endedLocked()
}

func (o *owner) Sent(w request.Work) error {
	b := (*Background)(o)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Detached++
	e := b.runs.add(w)
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

func (o *owner) Over(w request.Work, panicked bool) {
	b := (*Background)(o)
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := w.Entry().Timer; t != nil {
		t.Stop()
	}
	b.stats.Detached--
	b.countLocked(w, panicked)
}

// countLocked counts work that is over.
func (b *Background) countLocked(w request.Work, panicked bool) {
	switch {
	case w.Entry().Lost:
	case panicked:
		b.stats.Panicked++
	default:
		b.stats.Done++
	}
	b.runs.remove(w)
	b.endedLocked()
}

func (o *owner) OnPanic() func(v any, stack []byte) { return o.o.OnPanic }

func (o *owner) Resume() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.draining, o.forced, o.workers.closed = false, false, false
}

func (o *owner) Track(w request.Work) {
	o.mu.Lock()
	o.runs.add(w).Other = true
	late := o.forced
	o.mu.Unlock()
	if late {
		w.Cancel(context.Canceled, ErrShuttingDown)
	}
}

func (o *owner) Untrack(w request.Work) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.runs.remove(w)
	(*Background)(o).endedLocked()
}

// runs is the list of what runs, in no order.
type runs struct{ first *request.Entry }

func (l *runs) add(w request.Work) *request.Entry {
	e := w.Entry()
	e.Work, e.Next = w, l.first
	if e.Next != nil {
		e.Next.Prev = e
	}
	l.first = e
	return e
}

func (l *runs) remove(w request.Work) {
	e := w.Entry()
	if e.Next != nil {
		e.Next.Prev = e.Prev
	}
	if e.Prev != nil {
		e.Prev.Next = e.Next
	} else {
		l.first = e.Next
	}
	e.Prev, e.Next = nil, nil
}
