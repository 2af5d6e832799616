// Package work is what a request and the Background that outlives it have to say
// to each other: the handlers that run detached, the work that a shutdown can give
// up, what is told when a drain begins, the goroutines that all of it runs on, and the
// clock of both.
//
// The Background is package eof's. Its policy, which goroutine runs what, is
// in eof/goroutines.go and here, and nowhere else.
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
	// Go runs a detached handler on a goroutine that a shutdown waits for, until that
	// calls Left, which is its last call. deep is for [Start].
	Go(g Goroutine, deep bool)
	Left()
	// Sent says that the handler of w goes on without a client; Over, that it has
	// returned. An error is the cause to cancel w with: it is too late.
	Sent(w Work, a About) error
	Over(w Work, panicked bool)
	// Name says what was not known of w at Sent. It does nothing after Over.
	Name(w Work, a About)
	// OnPanic is told of a panic that has no client to hear of it; nil: it is logged.
	OnPanic() func(v any, stack []byte)
	// Resume ends a drain, also one that has given up.
	Resume()
	// Listen has l told of what happens from now on.
	Listen(l Listener)
	// Track has w waited for, and given up together with the rest, until Untrack. h is
	// for a handler, which counts when it is given up; nil: w is a callback.
	Track(w Work, h *Handler)
	Untrack(w Work)

	// OnDrain has c begun when a drain begins. now: one has begun, and the caller has to
	// begin c.
	OnDrain(c Call) (now bool)
	// OffDrain takes that back. False: a drain has begun, or c was taken back before.
	OffDrain(c Call) bool
	// Due reports, once, whether c has to begin, because of a drain; it is tracked then.
	Due(c Call) bool
}

// Listener is a Lifecycle as its Background sees it.
type Listener interface {
	// TaskEnded is called on the goroutine of a task that has ended, if Hears says that
	// somebody wants to know: when it began to run, and for how long it ran.
	TaskEnded(name string, began time.Time, took time.Duration)
	Hears() bool
	// Log logs what went wrong in a task of no request, and the stack of a panic if it
	// was one. False: there is no logger.
	Log(ctx context.Context, text string, stack []byte) bool
}

// Work is something that an Owner can give up.
type Work interface {
	// Cancel ends the work's context; the work ends when it notices.
	Cancel(err, cause error)
	// Entry is the owner's: what it knows of the work, and its place in a List.
	Entry() *Entry
}

// Call is a function that is told of a drain.
type Call interface {
	Work
	Begin() // on a goroutine of its own, if it is due
}

// About says which request a handler serves.
type About struct {
	Method, Route string        // Route: "" is not known
	Since         time.Duration // the request's start, on the clock of Now
}

// Handler is what an Owner knows of a handler.
type Handler struct {
	About
	Timer *time.Timer // of a detached handler's Timeout; nil: none
	Next  *Handler    // of those that the owner keeps for use again
}

// Entry is part of a Work, so that a List of it allocates nothing. The Owner's
// lock guards it.
type Entry struct {
	Handler  *Handler // nil: it is none
	Other    bool     // a callback: cancelled, but not counted
	Hijacked bool     // the handler of a hijacked connection: counted when it is given up, and not before
	Lost     bool     // a shutdown has given it up, and counted it
	Waiting  bool     // a Call: no drain has taken it yet
	Due      bool     // a Call: a drain has, and it has not begun

	work       Work
	prev, next *Entry
}

// Work gives the Work that e is part of, once it has been in a List.
func (e *Entry) Work() Work { return e.work }

// Next gives the one that was added after e to the list that e is in, nil if there is none.
func (e *Entry) Next() *Entry { return e.next }

// List is a list of work. Its zero value is empty.
type List struct {
	first, last *Entry
	n           int
}

// Add adds w, which must not be in a List, at the end.
func (l *List) Add(w Work) *Entry {
	e := w.Entry()
	e.work, e.prev = w, l.last
	if e.prev != nil {
		e.prev.next = e
	} else {
		l.first = e
	}
	l.last = e
	l.n++
	return e
}

// Remove removes w, which must be in l.
func (l *List) Remove(w Work) {
	e := w.Entry()
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		l.last = e.prev
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.first = e.next
	}
	e.prev, e.next = nil, nil
	l.n--
}

// Len is how many are in l.
func (l *List) Len() int { return l.n }

// First gives the one that was added first, nil if l is empty.
func (l *List) First() *Entry { return l.first }

// All gives the entries of l. The loop's body may remove the entry that it is given, and
// must not change l otherwise.
func (l *List) All() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for e := l.first; e != nil; {
			next := e.next
			if !yield(e) {
				return
			}
			e = next
		}
	}
}
