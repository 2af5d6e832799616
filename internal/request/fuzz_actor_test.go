package request_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/thread"
)

// who acts, and with what context: the handler, any goroutine with its context,
// a thread, the callback.
func (w *world) who(arg byte) (*actor, context.Context) {
	a := w.handler
	switch arg & 3 {
	case 1:
		return nil, a.ctx
	case 2:
		if t := w.lastThread(); t != nil {
			a = t
		}
	case 3:
		if c := w.atWork(); c != nil && !c.gone {
			a = c
		}
	}
	return a, a.ctx
}

func (w *world) lastThread() *actor {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.threads) - 1; i >= 0; i-- {
		if a := w.threads[i]; !a.gone {
			return a
		}
	}
	return nil
}

// atWork is the callback, nil if it was not called.
func (w *world) atWork() *actor {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.called
}

var errStuck = errors.New("the call does not return")

// by has a do f, any goroutine if a is gone.
func (w *world) by(a *actor, f func() error) error {
	err := errStuck
	if a == nil || a.gone {
		go func() { e := f(); w.note(func() { err = e }) }()
	} else {
		a.do <- func() { e := f(); w.note(func() { err = e }) }
	}
	if w.race {
		return nil
	}
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return err
}

// own has the handler do f, which uses its writer: beside the handler nobody may.
func (w *world) own(f func() error) error {
	if w.loose && w.handler.gone && !w.wire.isOver() {
		return nil
	}
	return w.by(w.handler, f)
}

// last has a do f and end.
func (w *world) last(a *actor, f func()) error {
	if a == nil || a.gone {
		return nil
	}
	a.gone = true
	a.do <- f
	close(a.do)
	if !w.race {
		synctest.Wait()
	}
	return nil
}

// ends ends the context around lastbyte.
func (w *world) ends(cause error) error {
	w.cancel(cause)
	if !w.race {
		synctest.Wait()
	}
	return nil
}

// expires lets the time of the request's Timeout pass.
func (w *world) expires() error {
	time.Sleep(limit)
	if !w.race {
		synctest.Wait()
	}
	return nil
}

// learn is a function of abort.AfterFunc.
func (w *world) learn(context.Context) { w.note(func() { w.learned++ }) }

// ending is how a goroutine ends.
func ending(arg byte) func() {
	switch arg & 7 {
	case 1, 5:
		return func() { panic(errSome) }
	case 3:
		return func() { panic(http.ErrAbortHandler) }
	case 7:
		return runtime.Goexit
	}
	return func() {}
}

func (w *world) callback(ctx context.Context) {
	a := newActor(ctx)
	w.note(func() { w.calls++; w.called = a })
	a.run()
}

func (w *world) spawn(ctx context.Context) error {
	a := newActor(noContext)
	_, err := thread.Spawn(ctx, func(ctx context.Context) error {
		w.note(func() { a.ctx = ctx; w.threads = append(w.threads, a) })
		a.run()
		return nil
	})
	return err
}

func (w *world) task(context.Context) { w.note(func() { w.ran++ }) }

// noContext stands for the one that an actor gets later.
var noContext context.Context
