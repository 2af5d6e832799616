package eof

import (
	"context"
	"fmt"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Go runs fn as [Defer] does, but without a request: at once, or when it is its turn. It
// is for work at the start of a program and from other places than handlers, which is
// limited, recovered and drained like all other work of b. It is ngx.timer.at of ngx_lua
// with a delay of 0, in init_worker_by_lua.
//
// The context of fn has the values of ctx, and nothing ends it that ends ctx. It ends when
// fn returns, after Options.Timeout, or in a forced shutdown. name is for logs, metrics,
// [Background.Work] and the error of Shutdown. A panic of fn goes to Options.OnPanic. Go
// may be called from any goroutine, also during a shutdown.
//
// Errors: [ErrTooManyPending], [ErrShuttingDown] (after a forced shutdown), [ErrNilFunc],
// [ErrNoName]. After an error fn does not run.
func (b *Background) Go(ctx context.Context, name string, fn func(context.Context)) error {
	return b.start(ctx, "Go", name, &task{fn: fn})
}

// After is [Background.Go] with a delay of d, as the function [After] is for a request. A
// shutdown runs fn early, see [Premature]. Once a shutdown has begun, After returns
// [ErrShuttingDown] if d is greater than 0. It is ngx.timer.at of ngx_lua.
func (b *Background) After(ctx context.Context, d time.Duration, name string, fn func(context.Context)) error {
	return b.start(ctx, "After", name, &task{fn: fn, delay: d})
}

// Every is [Background.Go] on a clock: it runs fn first after d, then at each further
// multiple of d, never twice at once. Times that come while fn runs or waits for its turn
// are dropped. The series takes one place among those that wait, which it keeps: where it
// runs again the limit of Options.Pending may be exceeded by it. A panic goes to
// Options.OnPanic and ends that run alone, as does Options.Timeout. It is
// ngx.timer.every of ngx_lua.
//
// The series ends with stop, or when a shutdown begins; no run begins after that, and one
// that runs is not told by it, see [Draining] for that. stop does not wait, may be called
// more than once and from fn, and is never nil.
//
// Errors: those of After, and [ErrInvalidInterval] if d is not greater than 0. After an
// error fn does not run.
func (b *Background) Every(ctx context.Context, d time.Duration, name string, fn func(context.Context)) (stop func(), err error) {
	if d <= 0 {
		return func() {}, fmt.Errorf("eof.Background.Every: %w, got %v", ErrInvalidInterval, d)
	}
	s := &series{b: b, every: d, began: time.Now()}
	t := &task{fn: fn, delay: d, series: s}
	s.waits = t
	if err := b.start(ctx, "Every", name, t); err != nil {
		return func() {}, err
	}
	return s.stop, nil
}

// start adds t, which is due at once or by its delay. call names the method.
func (b *Background) start(ctx context.Context, call, name string, t *task) error {
	switch {
	case t.fn == nil:
		return fmt.Errorf("eof.Background.%s: %w", call, ErrNilFunc)
	case name == "":
		return fmt.Errorf("eof.Background.%s: %w", call, ErrNoName)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	t.name = name
	t.req, _ = request.From(ctx)
	t.init(b, ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.reserveLocked(t); err != nil {
		return err
	}
	b.dueLocked(t)
	return nil
}
