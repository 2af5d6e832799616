// Package scope makes the contexts of functions that run beside a handler or after
// it: threads, callbacks, tasks, and the handler itself under Detach. A scope says
// who its context is for, and has a copy of the route, which may be read after chi
// has recycled its own. There is no lock: a Scope does not change once its function
// has begun. The package imports internal/node and internal/route.
package scope

import (
	"context"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/route"
)

// Scope is such a context.
type Scope struct {
	context.Context
	route  route.Route // a copy
	kind   Kind
	task   any             // the work after the response that this is the scope of; nil: none
	beside bool            // of a thread of that work
	alone  bool            // the end of Context is not the end of this
	given  context.Context // what the function of this scope got; see Given
}

// Kind says who a context was made for.
type Kind int

// The kinds of contexts.
const (
	OnHandler Kind = iota // the handler's goroutine
	Beside                // a thread or callback: the handler may be at work beside it
	Task                  // work after the response

	Kinds = iota
)

// Key is what a context has its innermost Scope under.
type Key struct{}

// New gives a Scope around ctx, with r, a copy, as its route; zero: there is none. It
// becomes a context when it has its place, and is not copied from then on.
func New(ctx context.Context, k Kind, r route.Route) Scope {
	return Scope{Context: ctx, kind: k, route: r}
}

// Value is that of the context that s was made around, but for the route.
func (s *Scope) Value(key any) any {
	switch {
	case key == Key{}:
		return s
	case s.alone && key == cancelKey:
		return nil
	case route.IsKey(key) && s.route.Exists():
		return s.route.Value()
	}
	return s.Context.Value(key)
}

// Deadline, Done and Err are those of the context that s was made around, unless s is
// alone.
func (s *Scope) Deadline() (deadline time.Time, ok bool) {
	if s.alone {
		return time.Time{}, false
	}
	return s.Context.Deadline()
}

// Done is described at Deadline.
func (s *Scope) Done() <-chan struct{} {
	if s.alone {
		return nil
	}
	return s.Context.Done()
}

// Err is described at Deadline.
func (s *Scope) Err() error {
	if s.alone {
		return nil
	}
	return s.Context.Err()
}

// Route is the copy of the route; zero: there is none.
func (s *Scope) Route() route.Route { return s.route }

// Kind says who s was made for.
func (s *Scope) Kind() Kind { return s.kind }

// Sibling gives a scope like s for another function, with a copy of the route.
func (s *Scope) Sibling() Scope {
	return Scope{Context: s.Context, kind: s.kind, route: s.route.Copy(), alone: s.alone}
}

// Alone gives s, which is no context yet, with an end that is not that of the context
// around it, as context.WithoutCancel does, whose Value allocates.
func (s Scope) Alone() Scope {
	if s.alone = cancelKey != nil; !s.alone {
		s.Context = context.WithoutCancel(s.Context)
	}
	return s
}

// cancelKey is the key under which package context looks for a context of its own, whose
// end, cause and children those of another are: context.Cause asks every context for it.
// nil: it does not, in this release of Go.
var cancelKey = func() any {
	asked := &asked{Context: context.Background()}
	context.Cause(asked)
	return asked.key
}()

type asked struct {
	context.Context
	key any
}

func (a *asked) Err() error { return context.Canceled }

func (a *asked) Value(key any) any {
	a.key = key
	return nil
}

// ForTask gives s, which is no context yet, as that of t.
func (s Scope) ForTask(t any) Scope {
	s.task = t
	return s
}

// ForThread gives s, which is no context yet, as that of a thread of t.
func (s Scope) ForThread(t any) Scope {
	s.task, s.beside = t, true
	return s
}

// thread reports whether s is that of a thread or a callback.
func (s *Scope) thread() bool { return s.kind == Beside || s.beside }

// Of gives the innermost scope around ctx, nil if there is none.
func Of(ctx context.Context) *Scope {
	s, _ := ctx.Value(Key{}).(*Scope)
	return s
}

// KindOf says who ctx was made for.
func KindOf(ctx context.Context) Kind {
	if s := Of(ctx); s != nil {
		return s.kind
	}
	return OnHandler
}

// IsTask reports whether ctx belongs to work after the response.
func IsTask(ctx context.Context) bool { return KindOf(ctx) == Task }

// TaskOf gives the work after the response that ctx belongs to, nil if there is
// none.
func TaskOf(ctx context.Context) any {
	if s := Of(ctx); s != nil {
		return s.task
	}
	return nil
}
