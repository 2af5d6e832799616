package scope_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/route"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

type key struct{}

// ValuesIn finds the scope through contexts that change the end alone, and through
// no other. This fails where a release of Go changes the contexts of package context;
// chains of tasks would cost more then.
func TestValuesIn(t *testing.T) {
	t.Parallel()
	given := &scope.Own{Scope: scope.New(t.Context(), scope.Task, route.Route{})}
	if s := scope.ValuesIn(given); s != nil {
		t.Error("ValuesIn() finds a scope before Given, want none")
	}
	scope.Given(given)
	timeout, stop := context.WithTimeout(given, time.Hour)
	defer stop()
	child, stop := context.WithCancel(context.WithoutCancel(timeout))
	defer stop()
	for name, ctx := range map[string]context.Context{
		"itself": given, "WithTimeout": timeout, "WithCancel of WithoutCancel": child, "Shield": node.New(child),
	} {
		if s := scope.ValuesIn(ctx); s == nil || s != scope.Of(given) {
			t.Errorf("ValuesIn(%s) = %p, want the scope %p", name, s, scope.Of(given))
		}
	}
	if s := scope.ValuesIn(context.WithValue(given, key{}, 1)); s != nil {
		t.Error("ValuesIn() looks past a value, want no scope")
	}
	if s := scope.ValuesIn(t.Context()); s != nil {
		t.Error("ValuesIn() finds a scope where there is none")
	}
}

// A context says who it was made for; a sibling is for another function of the
// same kind, and no child of the first one's context.
func TestScope_Kinds(t *testing.T) {
	t.Parallel()
	if got := scope.KindOf(t.Context()); got != scope.OnHandler {
		t.Errorf("KindOf(no scope) = %d, want that of the handler", got)
	}
	thread := &scope.Own{Scope: scope.New(t.Context(), scope.Beside, route.Route{})}
	if scope.GivenToThread(thread) {
		t.Error("GivenToThread() = true before Given, want false")
	}
	scope.Given(thread)
	if !scope.GivenToThread(thread) || scope.GivenToThread(context.WithValue(thread, key{}, 1)) {
		t.Error("GivenToThread() is not true of the thread's own context alone")
	}
	sibling := &scope.Own{Scope: scope.Of(thread).Sibling()}
	thread.Cancel(nil)
	if sibling.Err() != nil || scope.KindOf(sibling) != scope.Beside || scope.GivenToThread(sibling) {
		t.Errorf("sibling has Err %v, kind %d, want an open context of another thread", sibling.Err(), scope.KindOf(sibling))
	}
	task := &scope.Own{Scope: scope.New(t.Context(), scope.Task, route.Route{}).ForTask("it")}
	if !scope.IsTask(task) || scope.TaskOf(task) != "it" || scope.IsTask(sibling) || scope.TaskOf(sibling) != nil {
		t.Error("IsTask and TaskOf do not tell a task's context from a thread's")
	}
}

// The end of an Own is that of a context of package context, whoever looks first, and
// whatever comes first.
func TestOwn(t *testing.T) {
	t.Parallel()
	why, outer := errors.New("why"), errors.New("outer")
	looks := map[string]func(o *scope.Own){
		"nobody": func(*scope.Own) {},
		"Done":   func(o *scope.Own) { o.Done() },
		"Err":    func(o *scope.Own) { o.Err() },
		"child":  func(o *scope.Own) { context.AfterFunc(o, func() {}) },
	}
	for name, look := range looks {
		for _, c := range []struct {
			name        string
			end         func(o *scope.Own, parent context.CancelCauseFunc)
			err, cause  error
			wantChannel bool
		}{
			{"returned", func(o *scope.Own, _ context.CancelCauseFunc) { o.Cancel(nil) }, context.Canceled, context.Canceled, true},
			{"killed", func(o *scope.Own, _ context.CancelCauseFunc) { o.Cancel(why); o.Cancel(nil) }, context.Canceled, why, true},
			{"outer", func(o *scope.Own, p context.CancelCauseFunc) { p(outer); o.Cancel(nil) }, context.Canceled, outer, true},
			{"outer, later", func(o *scope.Own, p context.CancelCauseFunc) { o.Cancel(why); p(outer) }, context.Canceled, why, true},
			{"not yet", func(*scope.Own, context.CancelCauseFunc) {}, nil, nil, false},
		} {
			parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, 1))
			o := &scope.Own{Scope: scope.New(parent, scope.Beside, route.Route{})}
			look(o)
			c.end(o, cancel)
			if err, cause := o.Err(), context.Cause(o); err != c.err || cause != c.cause {
				t.Errorf("%s looked, %s: Err() = %v, Cause() = %v, want %v, %v", name, c.name, err, cause, c.err, c.cause)
			}
			child, stop := context.WithCancel(o)
			for which, ctx := range map[string]context.Context{"itself": o, "a child": child} {
				select {
				case <-ctx.Done():
					if !c.wantChannel {
						t.Errorf("%s looked, %s: Done() of %s is closed, want it open", name, c.name, which)
					}
				default:
					if c.wantChannel {
						t.Errorf("%s looked, %s: Done() of %s is open, want it closed", name, c.name, which)
					}
				}
			}
			if o.Value(key{}) != 1 || scope.Of(o) != &o.Scope {
				t.Errorf("%s looked, %s: Value() does not give what is around", name, c.name)
			}
			stop()
			cancel(nil)
		}
	}
}

// Whoever asks while the end comes sees one end.
func TestOwn_OneEndForAll(t *testing.T) {
	t.Parallel()
	for range 200 {
		parent, cancel := context.WithTimeout(t.Context(), time.Hour)
		o := &scope.Own{Scope: scope.New(parent, scope.Beside, route.Route{})}
		var all sync.WaitGroup
		all.Go(cancel)
		all.Go(func() { o.Cancel(nil) })
		all.Go(func() { o.Cancel(io.EOF) })
		for range 2 {
			all.Go(func() {
				<-o.Done()
				cause := context.Cause(o)
				for range 10 {
					if err, now := o.Err(), context.Cause(o); err != context.Canceled || now != cause {
						t.Errorf("Err() = %v, Cause() = %v after %v, want one end", err, now, cause)
					}
				}
			})
		}
		all.Wait()
	}
}

// What is alone has the values of what is around it, and nothing of its end.
func TestScope_Alone(t *testing.T) {
	t.Parallel()
	if context.Cause(&scope.Own{Scope: scope.New(t.Context(), scope.Task, route.Route{}).Alone()}) != nil {
		t.Fatal("Cause() is not nil before the end")
	}
	parent, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, 1), time.Hour)
	s := scope.New(parent, scope.Task, route.Route{}).Alone()
	if s.Context != parent {
		t.Error("package context has not asked for a key of its own: tasks take more allocations")
	}
	o := &scope.Own{Scope: s}
	sibling := &scope.Own{Scope: o.Sibling()}
	cancel()
	for name, ctx := range map[string]context.Context{"it": o, "a sibling": sibling} {
		if _, ok := ctx.Deadline(); ok || ctx.Err() != nil || context.Cause(ctx) != nil || ctx.Value(key{}) != 1 {
			t.Errorf("%s: Err() = %v, Cause() = %v, want the values of the context around it, and not its end", name, ctx.Err(), context.Cause(ctx))
		}
	}
	child, stop := context.WithCancel(o)
	defer stop()
	if child.Err() != nil {
		t.Errorf("child's Err() = %v, want nil", child.Err())
	}
	o.Cancel(context.DeadlineExceeded)
	if child.Err() == nil || context.Cause(child) != context.DeadlineExceeded {
		t.Errorf("child's Cause() = %v, want that of the end", context.Cause(child))
	}
}
