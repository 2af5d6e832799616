package request

import (
	"context"
	"reflect"
)

// The contexts of functions that follow each other are made side by side: a
// task that makes the next task, or a thread that spawns the next thread, would
// else hang each context below the last one, and the chain would grow with every
// round.

// Given notes that ctx is what a function got whose scope is around ctx. It is
// called before that function begins.
func Given(ctx context.Context) {
	if s := scopeOf(ctx); s != nil {
		s.given = ctx
	}
}

// givenIn finds the scope of a function that was given ctx itself.
func givenIn(ctx context.Context) *scope {
	if s := scopeOf(ctx); s != nil && s.given == ctx {
		return s
	}
	return nil
}

// GivenToThread reports whether ctx is what a thread's function was given.
func GivenToThread(ctx context.Context) bool {
	s := givenIn(ctx)
	return s != nil && s.kind == foreign
}

// valuesIn finds the scope of a function that was given ctx, or a context with
// the same values: the function may have made children with an end of their own.
func valuesIn(ctx context.Context) *scope {
	s := scopeOf(ctx)
	for n := 0; s != nil && ctx != nil && n < 16; n++ {
		if s.given == ctx {
			return s
		}
		ctx = withoutEnd(ctx)
	}
	return nil
}

// withoutEnd gives the parent of a context that adds an end to it and no values:
// one of context.WithCancel, WithTimeout and the like, or of abort.Shield. It
// gives nil for any other. Package context has no function for that, but its
// contexts embed the parent in a field named Context (context.go of 1.26.8 and
// 1.27.3), which reflect may read. If a release changes that, chains of tasks
// cost more, and nothing else.
func withoutEnd(ctx context.Context) context.Context {
	if n, ok := ctx.(*Node); ok && n.judge == nil {
		return n.parent
	}
	v := reflect.ValueOf(ctx)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem().PkgPath() != "context" {
		return nil
	}
	switch v.Type().Elem().Name() {
	case "cancelCtx", "timerCtx":
		if f := v.Elem().FieldByName("Context"); f.IsValid() && f.CanInterface() {
			parent, _ := f.Interface().(context.Context)
			return parent
		}
	}
	return nil
}
