package thread

import (
	"context"
	"sync"
)

// waiters are those who wait for a thread together with others.
type waiters struct {
	mu    sync.Mutex
	first *place
	ended bool // none is told any more: who comes now looks at Thread.done
}

// place is one call of WaitAny among the waiters of one thread.
type place struct {
	thread     *Thread
	told       chan<- *Thread // of the call: it has room for the first thread that ends
	prev, next *place
}

// WaitAny gives the first of threads to end and its error; nil and the error of
// ctx if that ends first. Of several that have ended already it gives any.
// Without threads it gives [ErrNoThreads]. The cost of a call grows with the
// number of threads, which has no limit.
func WaitAny(ctx context.Context, threads ...*Thread) (*Thread, error) {
	if len(threads) == 0 {
		return nil, ErrNoThreads
	}
	for _, t := range threads {
		select {
		case <-t.done:
			return t, t.err // an end that is there beats the end of ctx
		default:
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	first := make(chan *Thread, 1)
	places := make([]place, len(threads))
	defer func() {
		for i := range places {
			places[i].leave()
		}
	}()
	for i, t := range threads {
		places[i] = place{thread: t, told: first}
		if !t.waiting.enter(&places[i]) {
			return t, t.err
		}
	}
	select {
	case t := <-first:
		return t, t.err
	case <-ctx.Done():
	}
	select {
	case t := <-first:
		return t, t.err
	default:
		return nil, ctx.Err()
	}
}

// enter has p told of the thread's end. False: the thread has ended, and its
// error may be read.
func (w *waiters) enter(p *place) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	if p.next = w.first; p.next != nil {
		p.next.prev = p
	}
	w.first = p
	return true
}

// leave takes p out again; it may never have entered.
func (p *place) leave() {
	if p.thread == nil {
		return
	}
	w := &p.thread.waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.next != nil {
		p.next.prev = p.prev
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else if w.first == p {
		w.first = p.next
	}
}

// tell says that t has ended, once its error is written. It waits for nobody:
// a call of WaitAny has room for the first end, and has no use for another.
func (w *waiters) tell(t *Thread) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	for p := w.first; p != nil; p = p.next {
		select {
		case p.told <- t:
		default:
		}
	}
}
