package thread

import (
	"context"
	"sync"
)

// waiters are the calls of WaitAny that wait for a thread among others.
type waiters struct {
	mu    sync.Mutex
	first *place
	ended bool // the thread has ended: no call enters any more
}

// place is one call of WaitAny among the waiters of one thread.
type place struct {
	thread     *Thread
	told       chan<- *Thread // the channel of the call; it has room for the first thread that ends
	prev, next *place
}

// WaitAny waits for the first of threads to end, and returns it with its error.
// If several have ended already, it returns any of them. If ctx ends first,
// WaitAny returns nil and the error of ctx. Without threads it returns
// [ErrNoThreads]. The cost of a call grows with the number of threads, which is
// not limited. It is ngx.thread.wait of ngx_lua for several threads.
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

// enter registers p, so that p is told when the thread ends. If it returns
// false, the thread has ended, and its error may be read: tell locked w.mu
// after it was written.
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

// leave removes p, which need not have entered.
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

// tell reports that t has ended, after its error was written. It never blocks:
// a call of WaitAny has room for the first thread that ends, and needs no
// other.
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
