package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Crew is what goroutines beside others belong to: a request, or a task of package eof.
// It ends after them.
type Crew interface {
	// Scope gives a context like ctx for such a goroutine.
	Scope(ctx context.Context) scope.Scope
	// Enter has one more goroutine waited for, until Leave.
	Enter() error
	Leave()
	// Call runs f on the goroutine that it is called on.
	Call(f Function)
	// Hold keeps c until the crew ends, which has c end first. False: it has ended.
	Hold(c *DrainCall) bool
	// Drop forgets c, which need not be there.
	Drop(c *DrainCall)
}

// Function is what such a goroutine runs.
type Function interface {
	Call()
	Over(l usercall.Left) // l is how Call was left

	Context() context.Context // the function's
	What() string             // it is, for the log
}

// Member is one of the goroutines of a crew. It is part of what it is for, so that its
// start allocates next to nothing.
type Member struct {
	crew Crew
	f    Function
}

// Start runs f on a goroutine of c. It is called once. After an error f does not run.
func (m *Member) Start(c Crew, f Function) error {
	if err := c.Enter(); err != nil {
		return err
	}
	m.begin(c, f)
	return nil
}

// begin is Start after c.Enter.
func (m *Member) begin(c Crew, f Function) {
	m.crew, m.f = c, f
	work.Start(m, false)
}

// Run is the goroutine, see work.Goroutine.
func (m *Member) Run() { m.crew.Call(m.f) }

// Left says that the goroutine has ended, see work.Goroutine.
func (m *Member) Left() { m.crew.Leave() }

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

// Enter is Crew.Enter.
func (r *Request) Enter() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	switch {
	case s.Winner() == lifecycle.Exited:
		return ErrExited
	case s.HasAny(lifecycle.Drained):
		return ErrEnded
	}
	r.goroutines++
	return nil
}

// Leave is Crew.Leave.
func (r *Request) Leave() { r.release() }

// Call is Crew.Call.
func (r *Request) Call(f Function) {
	usercall.Managed(func() {
		r.run(scope.Beside, f.Call, func(l usercall.Left) {
			if l.Panicked() {
				r.logPanic(f.Context(), f.What(), l)
			}
			f.Over(l)
		})
	})
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
