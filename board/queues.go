package board

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Queue is how much a job engine has to do. See Options.Queues.
type Queue struct {
	Name    string `json:"name"`
	Waiting int64  `json:"waiting"` // jobs that can begin now
	Running int64  `json:"running"`
	Later   int64  `json:"later"` // jobs that wait for a time: they are scheduled, or to be tried again
}

const (
	queuesEvery = time.Second // how often the engine is asked at most
	maxQueues   = 50          // how many are shown
)

// queues asks a job engine for its queues.
type queues struct {
	ask    func(context.Context) ([]Queue, error)
	asking atomic.Bool // by one viewer at a time; the others see what was seen last
	seen   atomic.Pointer[depths]
}

// depths is what was seen. It is not changed.
type depths struct {
	Queues []Queue `json:"queues"`
	Error  string  `json:"error,omitempty"`

	fresh time.Time // until when
}

// look gives the queues; nil: there is nothing to see, or not yet. No lock is held while
// the engine answers, which delays the viewer that asks, and no longer than a second if it
// heeds its context.
func (q *queues) look(ctx context.Context) *depths {
	seen := q.seen.Load()
	if q.ask == nil || seen != nil && time.Now().Before(seen.fresh) || !q.asking.CompareAndSwap(false, true) {
		return seen
	}
	defer q.asking.Store(false)
	d := &depths{}
	within, cancel := context.WithTimeout(ctx, queuesEvery)
	defer cancel()
	if err := q.answer(within, d); err != nil {
		if ctx.Err() != nil {
			return seen // the viewer has left, which is no answer for the others
		}
		d.Error = short(err.Error(), 256)
	}
	d.fresh = time.Now().Add(queuesEvery)
	q.seen.Store(d)
	return d
}

// answer sets what the engine says. A panic of its is no more than an error here.
func (q *queues) answer(ctx context.Context, d *depths) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	list, err := q.ask(ctx)
	for _, one := range list[:min(len(list), maxQueues)] { // a copy: it is the engine's
		one.Name = short(one.Name, 128)
		d.Queues = append(d.Queues, one)
	}
	return err
}
