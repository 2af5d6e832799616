package request

import (
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// run is usercall.Run for a function that has contexts of kind k.
func (r *Request) run(k scope.Kind, f func(), over func(usercall.Left)) {
	usercall.Run(f, func() (exits, thrown bool) {
		e, thrown := r.takeThrow(k)
		return e != nil, thrown
	}, over)
}

// RunTask is run for work after the response of r.
func (r *Request) RunTask(f func(), over func(usercall.Left)) { r.run(scope.Task, f, over) }

// left tells how the handler, or a part of it, was left that did not return, see
// usercall.Tell.
func (r *Request) left(v any) usercall.Left {
	return usercall.Tell(v, func() (exits, thrown bool) {
		e, thrown := r.takeThrow(scope.OnHandler)
		return e != nil, thrown
	})
}

// Catch runs f, which is part of a handler, on the handler's goroutine, and
// reports whether a Throw has left it, and with which exit. Every other panic, and
// runtime.Goexit, pass on as they came.
func (r *Request) Catch(f func()) (e *Exit, thrown bool) {
	thrown = usercall.Catch(f, func() (exits, thrown bool) {
		e, thrown = r.takeThrow(scope.OnHandler)
		return e != nil, thrown
	})
	return e, thrown
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
func (r *Request) takeThrow(k scope.Kind) (e *Exit, ok bool) {
	if k == scope.OnHandler && usercall.IsManaged() {
		k = scope.Beside
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.madeLocked()
	if x == nil {
		return nil, false
	}
	t := &x.throws[k]
	if t.n == 0 && k != scope.OnHandler {
		t = &x.throws[scope.OnHandler]
	}
	if t.n == 0 {
		return nil, false
	}
	t.n--
	return t.exit, true
}
