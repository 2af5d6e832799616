// Package work is what a request and the Background that outlives it have to say
// to each other: the handlers that run detached, the work that a shutdown can give
// up, and the goroutines that all of it runs on.
//
// The Background is package eof's. Its policy, which goroutine runs a handler and
// how long that goroutine is kept, is in eof/workers.go and here, and nowhere else.
//
// The lock of a List and its entries is the Background's. The package imports nothing
// of this module.
package work

import (
	"context"
	"iter"
	"time"
)

// Owner is a Background as the request sees it.
type Owner interface {
	// Admit gives nil for a handler that may run detached, else the cause of the exit
	// that refuses its request.
	Admit() error
	// Go runs j on a goroutine that a shutdown waits for.
	Go(j Job)
	// Sent says that the handler of w goes on without a client; Over, that it has
	// returned. An error is the cause to cancel w with: it is too late.
	Sent(w Work) error
	Over(w Work, panicked bool)
	// OnPanic is told of a panic that has no client to hear of it; nil: it is logged.
	OnPanic() func(v any, stack []byte)
	// Resume ends a drain, also one that has given up.
	Resume()
	// OnTask has f told of each task that ends from now on.
	OnTask(f TaskFunc)
	// Track has w waited for, and given up together with the rest, until Untrack.
	// counted: it is a handler, and counts as one when it is given up.
	Track(w Work, counted bool)
	Untrack(w Work)
}

// TaskFunc is told of a task that has ended: its context, when it began to run, and
// for how long it ran.
type TaskFunc func(ctx context.Context, began time.Time, took time.Duration)

// Job is a detached handler as what runs it sees it.
type Job interface {
	Run()                     // it does not panic, but may call runtime.Goexit
	Context() context.Context // whose pprof labels apply
}

// Work is something that an Owner can give up.
type Work interface {
	// Cancel ends the work's context; the work ends when it notices.
	Cancel(err, cause error)
	// Entry is the owner's: what it knows of the work, and its place in a List.
	Entry() *Entry
}

// Entry is part of a Work, so that a List of it allocates nothing. The Owner's
// lock guards it.
type Entry struct {
	Timer    *time.Timer // of a detached handler's Timeout; nil: none
	Other    bool        // an abort callback: cancelled, but not counted
	Hijacked bool        // the handler of a hijacked connection: counted when it is given up, and not before
	Lost     bool        // a shutdown has given it up, and counted it

	work       Work
	prev, next *Entry
}

// Work gives the Work that e is part of, once it has been in a List.
func (e *Entry) Work() Work { return e.work }

// List is the work that runs, in no order. Its zero value is empty.
type List struct{ first *Entry }

// Add adds w, which must not be in a List.
func (l *List) Add(w Work) *Entry {
	e := w.Entry()
	e.work, e.next = w, l.first
	if e.next != nil {
		e.next.prev = e
	}
	l.first = e
	return e
}

// Remove removes w, which must be in l.
func (l *List) Remove(w Work) {
	e := w.Entry()
	if e.next != nil {
		e.next.prev = e.prev
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.first = e.next
	}
	e.prev, e.next = nil, nil
}

// Empty reports whether there is nothing in l.
func (l *List) Empty() bool { return l.first == nil }

// All gives the entries of l, which must not change meanwhile.
func (l *List) All() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for e := l.first; e != nil && yield(e); e = e.next {
		}
	}
}
