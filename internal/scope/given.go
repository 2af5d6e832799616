package scope

import (
	"context"
	"reflect"

	"github.com/lastbyte-go/lastbyte/internal/node"
)

// The contexts of functions that follow each other are made side by side: a
// task that makes the next task, or a thread that spawns the next thread, would
// else hang each context below the last one, and the chain would grow with every
// round.

// Given notes that ctx is what a function got whose scope is around ctx. It is
// called before that function begins.
func Given(ctx context.Context) {
	if s := Of(ctx); s != nil {
		s.given = ctx
	}
}

// GivenIn finds the scope of a function that was given ctx itself.
func GivenIn(ctx context.Context) *Scope {
	if s := Of(ctx); s != nil && s.given == ctx {
		return s
	}
	return nil
}

// GivenToThread reports whether ctx is what a thread's function was given.
func GivenToThread(ctx context.Context) bool {
	s := GivenIn(ctx)
	return s != nil && s.thread()
}

// TaskValuesIn finds the scope of a task whose function, or a thread of whose, was given
// ctx or a context with the same values as the task's.
func TaskValuesIn(ctx context.Context) *Scope {
	s := ValuesIn(ctx)
	for s != nil && s.beside {
		s = ValuesIn(s.Context)
	}
	if s == nil || s.kind != Task {
		return nil
	}
	return s
}

// ValuesIn finds the scope of a function that was given ctx, or a context with
// the same values: the function may have made children with an end of their own,
// or without one.
func ValuesIn(ctx context.Context) *Scope {
	s := Of(ctx)
	if s == nil || s.given == nil {
		return nil
	}
	given := reflect.ValueOf(s.given)
	v := reflect.ValueOf(ctx)
	for n := 0; v.IsValid() && n < 16; n++ {
		if v.Type() == given.Type() && v.Kind() == reflect.Pointer && v.Pointer() == given.Pointer() {
			return s
		}
		v = sameValues(v)
	}
	return nil
}

// sameValues gives the parent of a context that changes the end of it and has no
// values of its own: one of context.WithCancel, WithTimeout and the like, of
// context.WithoutCancel, or of abort.Shield. It gives the zero Value for any
// other. Package context has no function for that, but its contexts have the
// parent in a field (context.go of 1.26.8 and 1.27.3). The field of WithoutCancel
// is not exported, so reflect may follow it, but not give it out as a context. If
// a release changes that, chains of tasks cost more, and nothing else.
func sameValues(v reflect.Value) (parent reflect.Value) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return parent
	}
	switch t := v.Type(); {
	case t == reflect.TypeFor[node.Node]():
		parent = v.FieldByName("parent")
	case t.PkgPath() != "context":
	case t.Name() == "cancelCtx" || t.Name() == "timerCtx":
		parent = v.FieldByName("Context")
	case t.Name() == "withoutCancelCtx":
		parent = v.FieldByName("c")
	}
	if parent.Kind() == reflect.Interface {
		parent = parent.Elem()
	}
	return parent
}
