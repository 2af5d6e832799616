// Package thread runs managed goroutines inside one request.
//
// A handler that starts goroutines itself must wait for them, recover their
// panics, and make sure that they do not use the ResponseWriter after it has
// returned. The threads of this package are managed by the request, which ends
// after its last thread:
//
//	price, err := thread.Spawn(ctx, func(ctx context.Context) error { return askPrice(ctx, &p) })
//	...
//	stock, err := thread.Spawn(ctx, func(ctx context.Context) error { return askStock(ctx, &s) })
//	...
//	err = errors.Join(price.Wait(ctx), stock.Wait(ctx))
//
// # Limits
//
// A thread is not stopped: its context ends, and it has to look at that. A thread that
// waits for nothing else keeps its request open, until [Thread.Kill]. How many threads a
// request has is not limited. A thread must not write the response while the handler does.
package thread

import (
	"context"
	"errors"
	"fmt"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// Thread is a goroutine of a request, made by [Spawn]. All its methods may be
// called from any goroutine, also after the request has ended.
type Thread struct {
	ctx     scope.Own // of fn
	fn      func(context.Context) error
	member  request.Member
	stop    func() bool // see killWith; nil: there is nothing to stop
	done    chan struct{}
	err     error   // written before done is closed
	waiting waiters // calls of WaitAny that wait for others as well
}

// Spawn runs fn on a goroutine of the request that ctx belongs to. It is
// ngx.thread.spawn of ngx_lua. It may be called from any goroutine.
//
// The request ends after its last thread. After eof.Send, threads belong to the
// detached work. In a task of package eof they belong to the task, which ends after
// them. The context of fn is derived from ctx and ends with the
// request, or when [Thread.Kill] is called. If ctx is the context of another
// thread, Kill of that thread cancels the new thread too, but the return of
// that thread does not. fn must not use the ResponseWriter while the handler
// does. A thread that waits for the end of its context keeps its request open:
// the context ends after the last thread, or by something else. Call
// [Thread.Kill] when the handler needs such a thread no longer.
//
// A panic of fn is logged and becomes the error of the thread, a [*PanicError].
// A panic with http.ErrAbortHandler is not logged. The error of a thread that
// exitcode.Throw ended is [ErrExited].
//
// Errors: [ErrEnded], [ErrExited], [ErrNoRequest] and [ErrNilFunc]. After an
// error fn does not run.
func Spawn(ctx context.Context, fn func(context.Context) error) (*Thread, error) {
	r, ok := request.CrewOf(ctx)
	switch {
	case fn == nil:
		return nil, fmt.Errorf("thread.Spawn: %w", ErrNilFunc)
	case !ok:
		return nil, ErrNoRequest
	}
	t := &Thread{ctx: scope.Own{Scope: r.Scope(ctx)}, fn: fn, done: make(chan struct{}), err: errGoexit}
	scope.Given(&t.ctx)
	t.killWith(ctx)
	if err := t.member.Start(r, (*function)(t)); err != nil {
		t.end()
		return nil, err
	}
	return t, nil
}

// end ends the context of t.
func (t *Thread) end() {
	if t.stop != nil {
		t.stop()
	}
	t.ctx.Cancel(nil)
}

// function is a Thread as its crew sees it.
type function Thread

func (f *function) Call()                    { f.err = f.fn(&f.ctx) }
func (f *function) Context() context.Context { return &f.ctx }
func (f *function) What() string             { return "thread" }

func (f *function) Over(l usercall.Left) {
	t := (*Thread)(f)
	switch l.How {
	case usercall.ByPanic, usercall.ByAbortHandler:
		t.err = &PanicError{l.Value, l.Stack}
	case usercall.ByThrow:
		t.err = thrown(l)
	}
	t.end()
	t.fn = nil // whoever keeps t need not keep what fn refers to
	close(t.done)
	t.waiting.tell(t)
}

// killWith has t killed when the thread is killed that ctx was given to, if
// it was given to one. Only Kill passes from a thread to those that it spawned:
// they belong to the request, so its return must not end them. That is why they
// are no children of its context.
func (t *Thread) killWith(ctx context.Context) {
	if !scope.GivenToThread(ctx) {
		return
	}
	killed := func() {
		if context.Cause(ctx) == ErrKilled {
			t.Kill()
		}
	}
	killed() // before the new thread begins
	t.stop = context.AfterFunc(ctx, killed)
}

// thrown is the error of a thread that exitcode.Throw has ended; nil for
// Throw(ctx, OK), which ends nothing else.
func thrown(l usercall.Left) error {
	if !l.Exits {
		return nil
	}
	return ErrExited
}

// errGoexit is the error of a thread that called runtime.Goexit.
var errGoexit = errors.New("thread: runtime.Goexit was called")

// Wait waits for the thread to end and returns its error, which is a
// [*PanicError] if fn panicked. If ctx ends first, Wait returns the error of
// ctx. It may be called more than once. It is ngx.thread.wait of ngx_lua for
// one thread.
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

// Kill cancels the context of the thread with [ErrKilled] as the cause, and
// does not wait: a function that ignores its context keeps running. It is
// ngx.thread.kill of ngx_lua.
func (t *Thread) Kill() { t.ctx.Cancel(ErrKilled) }

// Done returns a channel that is closed when the thread has ended, for a select
// among other channels. Wait gives the error at once then. It is the same channel
// at every call.
func (t *Thread) Done() <-chan struct{} { return t.done }

// PanicError is the error of a thread that panicked.
type PanicError struct {
	Value any    // the value that the thread panicked with
	Stack []byte // the stack of the thread, as of runtime/debug.Stack
}

// Error gives the text of e.Value.
func (e *PanicError) Error() string { return fmt.Sprintf("thread: panic: %v", e.Value) }

// Unwrap returns e.Value if it is an error, otherwise nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// The errors of this package.
var (
	ErrKilled    = errors.New("thread: killed")
	ErrNoThreads = errors.New("thread: no threads to wait for")
	ErrEnded     = request.ErrEnded     // the last goroutine of the request has returned
	ErrExited    = request.ErrExited    // the request has exited
	ErrNoRequest = request.ErrNoRequest // no lastbyte middleware is around this handler
	ErrNilFunc   = request.ErrNilFunc   // Spawn was called without a function
)
