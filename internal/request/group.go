package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// Crew is what goroutines beside others belong to: a request, or a task of package eof.
// It ends after them.
type Crew interface {
	// Scope gives a context like ctx for such a goroutine.
	Scope(ctx context.Context) context.Context
	// Spawn runs f on a goroutine, and then over with how f was left. ctx is that
	// goroutine's; what is for the log.
	Spawn(ctx context.Context, what string, f func(), over func(usercall.Left)) error
	// Hold keeps c until the crew ends. False: it has.
	Hold(c *DrainCall) bool
	// Drop forgets c, which need not be there.
	Drop(c *DrainCall)
}

// CrewOf finds the crew that ctx belongs to.
func CrewOf(ctx context.Context) (Crew, bool) {
	if ctx == nil {
		return nil, false
	}
	if t, ok := scope.TaskOf(ctx).(Crew); ok {
		return t, true
	}
	r, ok := From(ctx)
	return r, ok
}

// Spawn is Crew.Spawn, see thread.Spawn.
func (r *Request) Spawn(ctx context.Context, what string, f func(), over func(usercall.Left)) error {
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
		r.run(scope.Beside, f, func(l usercall.Left) {
			r.logPanic(ctx, what, l)
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
	x := r.rareLocked() // after the end too, for Keep
	if r.hasAny(lifecycle.Ended) {
		r.mu.Unlock()
		f()
		return
	}
	x.deferred = append(x.deferred, f)
	r.mu.Unlock()
}
