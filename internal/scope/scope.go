// Package scope makes the contexts of functions that run beside a handler or after
// it: threads, callbacks, tasks, and the handler itself under Detach. A scope says
// who its context is for, and has a copy of the route, which may be read after chi
// has recycled its own. There is no lock: a Scope does not change once its function
// has begun. The package imports internal/node and internal/route.
package scope

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/route"
)

// Scope is such a context.
type Scope struct {
	context.Context
	route  route.Route // a copy
	kind   Kind
	task   any             // the work after the response that this is the scope of; nil: none
	beside bool            // of a thread of that work
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
	case route.IsKey(key) && s.route.Exists():
		return s.route.Value()
	}
	return s.Context.Value(key)
}

// Route is the copy of the route; zero: there is none.
func (s *Scope) Route() route.Route { return s.route }

// Kind says who s was made for.
func (s *Scope) Kind() Kind { return s.kind }

// Sibling gives a scope like s for another function, with a copy of the route.
func (s *Scope) Sibling() Scope { return New(s.Context, s.kind, s.route.Copy()) }

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
