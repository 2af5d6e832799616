package request

import (
	"errors"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
)

// Left is how a function of the user's was left. It is told here and nowhere
// else, for handlers, phases, filters, pages, threads, callbacks and tasks.
type Left struct {
	How   How
	Value any    // of the panic; nil: there was none
	Stack []byte // of the panic, if run has recovered it
	Exit  *Exit  // of a Throw; nil: of Throw(ctx, OK)
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

// run runs f, a function of the user's, and then over with how f was left. over
// is deferred: where f calls runtime.Goexit, over is the last that happens on
// this goroutine. No panic of f passes.
func (r *Request) run(k kind, f func(), over func(Left)) {
	returned := false
	defer func() {
		if returned {
			over(Left{})
			return
		}
		l := r.left(k, recover())
		if l.Value != nil && l.How != ByThrow {
			l.Stack = debug.Stack()
		}
		over(l)
	}()
	f()
	returned = true
}

// RunTask is run for work after the response of r.
func (r *Request) RunTask(f func(), over func(Left)) { r.run(task, f, over) }

// left tells how a function was left that did not return: v is what its deferred
// caller has recovered, nil after runtime.Goexit. A Throw is taken note of, and
// is over with that.
//
// Others run functions for a handler, too, and hand on a panic wrapped in one of
// theirs: singleflight, errgroup. So errors.Is decides, not the value.
func (r *Request) left(k kind, v any) Left {
	switch {
	case v == nil:
		return Left{How: ByGoexit}
	case !aborts(v):
		return Left{How: ByPanic, Value: v}
	}
	if e, ok := r.takeThrow(k); ok {
		return Left{How: ByThrow, Value: v, Exit: e}
	}
	return Left{How: ByAbortHandler, Value: v}
}

// aborts reports whether v, of a panic, is http.ErrAbortHandler or wraps it. The
// methods of an error are the user's, and one that somebody has panicked with may
// be a nil pointer: so they are called apart.
func aborts(v any) (is bool) {
	if v == any(http.ErrAbortHandler) {
		return true
	}
	if err, ok := v.(error); ok {
		apart(func() { is = errors.Is(err, http.ErrAbortHandler) })
	}
	return is
}

// Catch runs f, which is part of a handler, on the handler's goroutine, and
// reports whether a Throw has left it. Every other panic, and runtime.Goexit,
// pass on as they came.
func (r *Request) Catch(f func()) (e *Exit, thrown bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		l := r.left(onHandler, recover())
		if thrown = l.How == ByThrow; thrown {
			e = l.Exit
		} else if l.Value != nil {
			panic(l.Value)
		}
	}()
	f()
	returned = true
	return nil, false
}

// throws notes the Throws of one kind of function that are on their way up the
// stack. Request.mu guards it.
type throws struct {
	n    int
	exit *Exit // of the last
}

// takeThrow takes the note of a Throw that has left a function of kind k. What
// runs beside the handler may have thrown with the handler's context; and a filter
// of the handler's may run in a thread, in the middle of its Send.
func (r *Request) takeThrow(k kind) (e *Exit, ok bool) {
	if k == onHandler && inManaged() {
		k = beside
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare == nil {
		return nil, false
	}
	t := &r.rare.throws[k]
	if t.n == 0 && k != onHandler {
		t = &r.rare.throws[onHandler]
	}
	if t.n == 0 {
		return nil, false
	}
	t.n--
	return t.exit, true
}

// inManaged reports whether the calling goroutine is a thread or a callback of a
// request, whatever context it holds: its stack begins in managed.
func inManaged() bool {
	pc := make([]uintptr, 64)
	for skip := 2; ; skip += len(pc) {
		n := runtime.Callers(skip, pc)
		if n == len(pc) {
			continue
		}
		frames := runtime.CallersFrames(pc[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			if f, more = frames.Next(); strings.HasSuffix(f.Function, "/internal/request.(*Request).managed") {
				return true
			}
		}
		return false
	}
}
