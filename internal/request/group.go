package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// hold keeps the request from ending until release. It fails once the last
// goroutine of the request is gone.
func (r *Request) hold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hasAny(lifecycle.Drained) {
		return false
	}
	r.goroutines++
	return true
}

func (r *Request) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.goroutines--; r.goroutines == 0 && r.rare != nil {
		r.rare.idle.Broadcast()
	}
}

// goLocked runs f on a goroutine that the end of the request waits for.
func (r *Request) goLocked(f func()) {
	r.goroutines++
	work.Go(func() { r.managed(f) }, r.release)
}

// managed is the goroutine of goLocked; inManaged looks for its name.
func (r *Request) managed(f func()) { f() }

// drain waits for the request's goroutines. When it returns there are none, and
// none can begin. That is the move to returned: in one step, so that an exit by
// the last thread still counts. It reports whether that is the ending.
func (r *Request) drain() bool {
	if r.node.Parent().Err() != nil || r.hasAny(lifecycle.Hijacked) || r.bodyUnread() {
		r.mu.Lock()
		r.state.Store(r.state.Load().Back())
		r.mu.Unlock()
		r.look() // a client that left unnoticed still has a callback to run
		if !r.hasAny(lifecycle.ClientGone) {
			r.awaitFIN()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.goroutines > 0 {
		r.state.Store(r.state.Load().Back())
		if r.det.Load() == nil && r.winner() == lifecycle.Exited && !r.body.gate.Closed() {
			// A thread that waits for the client in a read of the body would be
			// waited for in turn. This is the serving goroutine.
			r.mu.Unlock()
			r.body.gate.Close(r, r.interruptRead)
			r.mu.Lock()
			continue
		}
		r.rareLocked().idle.Wait()
	}
	next, won := r.state.Load().Drain()
	r.state.Store(next)
	return won
}

// Spawn runs f on a goroutine of the request, see thread.Spawn, and then over
// with how f was left. ctx is the thread's.
func (r *Request) Spawn(ctx context.Context, f func(), over func(Left)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	switch {
	case s.Winner() == lifecycle.Exited:
		return ErrExited
	case s.HasAny(lifecycle.Drained):
		return ErrEnded
	}
	r.goLocked(func() {
		r.run(beside, f, func(l Left) {
			r.logPanic(ctx, "thread", l)
			over(l)
		})
	})
	return nil
}

// submit gives deferred functions to who runs them, once the response's last
// byte is out where that can be known.
func (r *Request) submit(fns []func()) {
	if len(fns) == 0 {
		return
	}
	run := func() {
		for _, f := range fns {
			f()
		}
	}
	if !r.hasAny(lifecycle.Hijacked) && r.lease().WhenIdle(run) {
		return
	}
	run()
}

// Defer keeps f, which must not block, for the end of the response; after it, f
// runs now.
func (r *Request) Defer(f func()) {
	r.mu.Lock()
	if r.hasAny(lifecycle.Ended) {
		r.mu.Unlock()
		f()
		return
	}
	x := r.rareLocked()
	x.deferred = append(x.deferred, f)
	r.mu.Unlock()
}
