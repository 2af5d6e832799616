// Package usercall runs the functions of the user: handlers, phases, filters, pages,
// threads, callbacks and tasks. It tells apart how such a function was left, here and
// nowhere else, and knows nothing of a request. There is no lock. The package imports
// internal/work, which starts its goroutines.
package usercall

import (
	"errors"
	"net/http"
	"runtime/debug"
)

// Left is how a function of the user's was left.
type Left struct {
	How   How
	Exits bool   // of ByThrow: with an exit, which exitcode.Throw(ctx, exitcode.OK) is not
	Value any    // of the panic; nil: there was none
	Stack []byte // of the panic, if Run has recovered it
}

// How is the way in which a function was left.
type How uint8

// The ways in which a function is left.
const (
	ByReturn       How = iota
	ByThrow            // exitcode.Throw: the function is over, and nothing has gone wrong
	ByAbortHandler     // a panic with http.ErrAbortHandler that is not Throw's, as httputil.ReverseProxy has it
	ByGoexit           // runtime.Goexit
	ByPanic            // any other panic
)

// Broken reports whether the function did not get to its end.
func (l Left) Broken() bool { return l.How != ByReturn && l.How != ByThrow }

// Panicked reports whether there is a panic that somebody has to hear of.
func (l Left) Panicked() bool { return l.How == ByPanic }

// Thrown says whether a panic with http.ErrAbortHandler is that of exitcode.Throw,
// which panics with net/http's own value, since recoverers let pass what they compare
// with it. So what tells the two apart is a note that Throw has made; to ask takes
// the note. exits is for Left.Exits.
type Thrown func() (exits, thrown bool)

// Run runs f, and then over with how f was left. over is deferred: where f calls
// runtime.Goexit, over is the last that happens on this goroutine. No panic of f
// passes.
func Run(f func(), thrown Thrown, over func(Left)) {
	returned := false
	defer func() {
		if !returned {
			over(Recovered(recover(), thrown))
		}
	}()
	f()
	returned = true
	over(Left{}) // here, where it needs the least of a new goroutine's small stack
}

// Recovered is [Tell] where the panic does not pass on: with its stack.
func Recovered(v any, thrown Thrown) Left {
	l := Tell(v, thrown)
	if l.Value != nil && l.How != ByThrow {
		l.Stack = debug.Stack()
	}
	return l
}

// Catch runs f, and reports whether a Throw has left it. Every other panic, and
// runtime.Goexit, pass on as they came.
func Catch(f func(), thrown Thrown) (caught bool) {
	how := catch(f, thrown)
	if how == ByGoexit {
		PanicNil()
	}
	return how == ByThrow
}

func catch(f func(), thrown Thrown) (how How) {
	returned := false
	defer func() {
		if !returned {
			how = Tell(recover(), thrown).Pass()
		}
	}()
	f()
	returned = true
	return ByReturn
}

// Pass has every panic pass on as it came but that of a Throw, and gives l.How.
func (l Left) Pass() How {
	if l.How != ByThrow && l.Value != nil {
		panic(l.Value)
	}
	return l.How
}

// PanicNil panics with nil. It is for a function that has deferred [Tell], at the place
// where that function returns to: runtime.Goexit would not have come there, so what Tell
// took for it was a panic with nil, which Go allows under GODEBUG=panicnil=1.
func PanicNil() {
	var v any
	panic(v)
}

// Tell tells how a function was left that did not return: v is what its deferred
// caller has recovered, nil after runtime.Goexit. If it was left by a Throw, the note
// of that is taken.
//
// Others run functions for a handler, too, and hand on a panic wrapped in one of
// theirs: singleflight, errgroup. So errors.Is decides, not the value.
func Tell(v any, thrown Thrown) Left {
	switch {
	case v == nil:
		return Left{How: ByGoexit}
	case !aborts(v):
		return Left{How: ByPanic, Value: v}
	}
	if exits, ok := thrown(); ok {
		return Left{How: ByThrow, Value: v, Exits: exits}
	}
	return Left{How: ByAbortHandler, Value: v}
}

// aborts reports whether v, of a panic, is http.ErrAbortHandler or wraps it. The
// methods of an error are the user's, and an error that somebody has panicked with
// may be a nil pointer: so they are called apart.
func aborts(v any) (is bool) {
	if v == any(http.ErrAbortHandler) {
		return true
	}
	if err, ok := v.(error); ok {
		Apart(func() { is = errors.Is(err, http.ErrAbortHandler) })
	}
	return is
}
