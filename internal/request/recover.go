package request

import (
	"context"
	"net/http"
	"reflect"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// Recover runs f, which is part of a handler, on the handler's goroutine, see
// exitcode.Recover. exit makes the exit that a panic becomes. ctx is the handler's.
func (r *Request) Recover(ctx context.Context, f func(), exit func(why error) *Exit) {
	r.run(scope.OnHandler, f, func(l usercall.Left) {
		switch {
		case l.Panicked():
			r.fail(ctx, l, exit)
		case l.How == usercall.ByAbortHandler:
			panic(l.Value) // on top of the frames that panicked
		} // else it has returned or thrown, or runtime.Goexit goes on by itself
	})
}

// fail makes a panic the request's ending, unless there is one, and logs it. A panic
// after Send passes on: the Background counts it, and tells OnPanic. Where the response
// has begun, and the ending has left it as it was, http.ErrAbortHandler passes on: what
// the handler, or a layer inside, still had to give is missing.
func (r *Request) fail(ctx context.Context, l usercall.Left, exit func(why error) *Exit) {
	why := &panicError{text: "panic: " + usercall.Printed(l.Value)}
	why.err, _ = l.Value.(error)
	e := exit(why)
	result := r.failMove(e)
	if result.Won() {
		r.cancelAs(e.end(), e.Cause)
	}
	if result == lifecycle.ExitDrops {
		r.dropNow()
		r.wake()
	} // else the page is for the return of the handler, which follows
	if !result.Won() && r.winner() == lifecycle.Sent {
		panic(l.Value)
	}
	if !r.reported(l.Value) {
		r.logPanic(ctx, "handler", l)
	}
	if s := r.state.Load(); !result.Won() && (s.HasAny(lifecycle.Stands) || s.Winner() == lifecycle.Returned && !s.HasAny(lifecycle.Ended)) {
		panic(http.ErrAbortHandler)
	}
}

// failMove makes e the ending, see [lifecycle.State.Fail].
func (r *Request) failMove(e *Exit) lifecycle.ExitResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, top := r.state.Load(), r.topLocked()
	next, result := s.Fail(e.Code)
	r.state.Store(next)
	x := r.rareLocked()
	x.panicked = x.panicked || s.Winner() != lifecycle.Sent
	if result.Won() {
		r.wonLocked(e, top)
		x.broken = x.broken || result == lifecycle.ExitDrops
	}
	return result
}

// panicError is what a handler has panicked with. Its text was made when the panic was
// recovered, apart: the methods of the value are the user's.
type panicError struct {
	text string
	err  error // the value, if it is an error
}

func (e *panicError) Error() string { return e.text }
func (e *panicError) Unwrap() error { return e.err }

// passOn goes on with the panic of a detached handler, which has been logged with the
// stack of its own goroutine.
func (r *Request) passOn(v any) {
	r.mu.Lock()
	r.extraLocked().logged = &v
	r.mu.Unlock()
	panic(v)
}

// reported reports whether the panic with v came by passOn.
func (r *Request) reported(v any) bool {
	r.mu.Lock()
	logged := r.extraLocked().logged
	r.mu.Unlock()
	return logged != nil && same(*logged, v)
}

// same reports whether a and b are equal, or of one type whose values do not compare.
func same(a, b any) bool {
	v := reflect.ValueOf(a)
	return v.IsValid() && reflect.TypeOf(a) == reflect.TypeOf(b) && (!v.Comparable() || a == b)
}
