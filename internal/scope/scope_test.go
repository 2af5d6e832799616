package scope_test

import (
	"context"
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
	given, cancel := context.WithCancel(scope.New(t.Context(), scope.Task, route.Route{}))
	defer cancel()
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
	thread, cancel := context.WithCancel(scope.New(t.Context(), scope.Beside, route.Route{}))
	if scope.GivenToThread(thread) {
		t.Error("GivenToThread() = true before Given, want false")
	}
	scope.Given(thread)
	if !scope.GivenToThread(thread) || scope.GivenToThread(context.WithValue(thread, key{}, 1)) {
		t.Error("GivenToThread() is not true of the thread's own context alone")
	}
	sibling := scope.Of(thread).Sibling()
	cancel()
	if sibling.Err() != nil || scope.KindOf(sibling) != scope.Beside || scope.GivenToThread(sibling) {
		t.Errorf("sibling has Err %v, kind %d, want an open context of another thread", sibling.Err(), scope.KindOf(sibling))
	}
	task := scope.New(t.Context(), scope.Task, route.Route{}).ForTask("it")
	if !scope.IsTask(task) || scope.TaskOf(task) != "it" || scope.IsTask(sibling) || scope.TaskOf(sibling) != nil {
		t.Error("IsTask and TaskOf do not tell a task's context from a thread's")
	}
}
