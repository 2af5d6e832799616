// Package thread runs managed goroutines inside one request.
//
// A handler that starts goroutines has to wait for them, recover their panics
// and keep them off the ResponseWriter once it has returned. Here the request
// does that: it ends after its last thread.
//
//	t, err := thread.Spawn(ctx, func(ctx context.Context) error { return fetch(ctx) })
//	...
//	err = t.Wait(ctx)
package thread

import (
	"context"
	"errors"
	"fmt"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Thread is a goroutine of a request. All its methods may be called from any
// goroutine, also after the request.
type Thread struct {
	cancel  context.CancelCauseFunc
	done    chan struct{}
	err     error   // written before done is closed
	waiting waiters // calls of WaitAny that wait for others as well
}

// Spawn runs fn on a goroutine of the request that ctx belongs to. It is
// ngx.thread.spawn. The request ends after its last thread; after eof.Send they
// belong to the detached work. The ctx that fn gets is a child of ctx that
// [Thread.Kill] cancels; of the context that another thread was given it takes
// Kill alone, not the end of that thread. A panic of fn is logged and becomes the thread's
// error, a [*PanicError]; that of a thread which left by exitcode.Throw is
// [ErrExited].
//
// Errors: [ErrEnded], [ErrExited], [ErrNoRequest], [ErrNilFunc]; fn then does
// not run.
func Spawn(ctx context.Context, fn func(context.Context) error) (*Thread, error) {
	r, ok := request.From(ctx)
	switch {
	case fn == nil:
		return nil, fmt.Errorf("thread.Spawn: %w", ErrNilFunc)
	case !ok:
		return nil, ErrNoRequest
	case request.IsTask(ctx):
		return nil, ErrEnded
	}
	spawner := ctx
	ctx, cancel := context.WithCancelCause(r.Scope(spawner))
	request.Given(ctx)
	stop := killWith(spawner, cancel)
	t := &Thread{cancel: cancel, done: make(chan struct{}), err: errGoexit}
	err := r.Spawn(ctx, func() { t.err = fn(ctx) }, func(l request.Left) {
		switch l.How {
		case request.ByPanic, request.ByAbortHandler:
			t.err = &PanicError{l.Value, l.Stack}
		case request.ByThrow:
			t.err = thrown(l)
		}
		stop()
		cancel(nil)
		close(t.done)
		t.waiting.tell(t)
	})
	if err != nil {
		stop()
		cancel(nil)
		return nil, err
	}
	return t, nil
}

// killWith has cancel called when the thread is killed that ctx was given to, if
// it was given to one. Only Kill passes from a thread to those that it spawned:
// they belong to the request, so its return must not end them. That is why they
// are no children of its context.
func killWith(ctx context.Context, cancel context.CancelCauseFunc) (stop func() bool) {
	if !request.GivenToThread(ctx) {
		return func() bool { return true }
	}
	killed := func() {
		if context.Cause(ctx) == ErrKilled {
			cancel(ErrKilled)
		}
	}
	killed() // before the new thread begins
	return context.AfterFunc(ctx, killed)
}

// thrown is the error of a thread that exitcode.Throw has ended; nil for
// Throw(ctx, OK), which ends nothing else.
func thrown(l request.Left) error {
	if l.Exit == nil {
		return nil
	}
	return ErrExited
}

// errGoexit is the error of a thread that called runtime.Goexit.
var errGoexit = errors.New("thread: runtime.Goexit was called")

// Wait gives fn's error, a [*PanicError] if it panicked, or the error of ctx if
// that ends first.
func (t *Thread) Wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err // an end that is there beats the end of ctx
	default:
	}
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill cancels the thread's context with [ErrKilled] as the cause. It does not
// wait; fn decides when it ends.
func (t *Thread) Kill() { t.cancel(ErrKilled) }

// PanicError is the error of a thread that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("thread: panic: %v", e.Value) }

// Unwrap gives Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// The errors of this package.
var (
	ErrKilled    = errors.New("thread: killed")
	ErrNoThreads = errors.New("thread: no threads to wait for")
	ErrEnded     = request.ErrEnded     // the request's last goroutine has returned
	ErrExited    = request.ErrExited    // the request has exited
	ErrNoRequest = request.ErrNoRequest // no lastbyte middleware around this handler
	ErrNilFunc   = request.ErrNilFunc   // Spawn without a function
)
