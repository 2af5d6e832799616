package durable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river/rivertype"
)

const (
	// notice is the longest that jobs have to notice that their contexts have ended.
	notice = 2 * time.Second
	// last is how long the database has, once the time is up.
	last = time.Second
)

// Shutdown ends the engine: it fetches no more jobs, waits for those that run, and closes
// the database. A little before the end of ctx, a quarter of its time or two seconds, it
// ends the contexts of jobs that still run. What is unfinished then is available at once to
// other processes, and to the next one: a job that returns the error of its context as if it
// had not been tried, one that does not return with this attempt counted. Of the latter
// Shutdown says how many in its error, and the database is closed when they have returned.
// Without a deadline it waits as long as jobs take.
//
// It is for middleware.Options.Last, so that requests and background work, which make
// jobs, have ended. A second call waits for the first.
func (e *Engine) Shutdown(ctx context.Context) error {
	first := false
	e.once.Do(func() { first = true })
	if first {
		e.ending.Store(true)
		defer close(e.stopped)
		e.err = e.shutdown(ctx)
		return e.err
	}
	select {
	case <-e.stopped:
		return e.err
	case <-ctx.Done():
		return fmt.Errorf("durable: Shutdown: %w", context.Cause(ctx))
	}
}

func (e *Engine) shutdown(ctx context.Context) error {
	err := e.stop(ctx)
	if err == nil {
		e.close()
		return nil
	}
	// The file stays locked: what a job of this process does, no other process should do
	// at the same time. The end of the process is the end of that, too.
	defer func() {
		stopped := e.Stopped()
		go func() {
			<-stopped
			e.close()
		}()
	}()
	// A context of its own: that of the caller has ended. What is left of the time until
	// SIGKILL is not known.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), last, errTooLong)
	defer cancel()
	n, backErr := e.giveBack(ctx, func(job *rivertype.JobRow) bool { return workedBy(job, e.ID()) })
	if backErr != nil {
		backErr = fmt.Errorf("giving back: %w", backErr)
	}
	return fmt.Errorf("durable: Shutdown: jobs given back while they run: %d: %w", n, errors.Join(err, backErr))
}

// stop stops River. nil: every job has returned, and what it has come to is stored.
func (e *Engine) stop(ctx context.Context) error {
	soft, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		soft, cancel = context.WithDeadline(ctx, end.Add(-min(left/4, notice)))
	}
	defer cancel()
	err := e.Stop(soft)
	if err == nil {
		return nil
	}
	return e.StopAndCancel(ctx)
}
