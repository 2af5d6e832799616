package eof

import (
	"context"
	"sync"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// crew is what belongs to a task beside its function: threads and functions of OnDrain.
// The task ends after them. Most tasks have none.
type crew struct {
	mu   sync.Mutex // guards what follows
	n    int        // goroutines at work
	idle sync.Cond  // n has dropped to 0
	over bool       // none may begin any more
	list request.DrainList
}

// noCrew is that of all tasks that have ended and had none.
var noCrew = &crew{over: true}

// crewed gives the crew of t, which is made if there is none.
func (t *task) crewed() *crew {
	if c := t.crew.Load(); c != nil {
		return c
	}
	c := new(crew)
	c.idle.L = &c.mu
	t.crew.CompareAndSwap(nil, c) // else another was quicker, or t has ended
	return t.crew.Load()
}

// Scope gives a context like ctx for a goroutine beside the task's, see
// request.Crew.
func (t *task) Scope(ctx context.Context) scope.Scope { return request.ThreadScope(t.req, ctx, t) }

// Enter has one more goroutine waited for, see request.Crew.
func (t *task) Enter() error {
	c := t.crewed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return ErrEnded
	}
	c.n++
	return nil
}

// Call runs f on a goroutine of the task, see request.Crew.
func (t *task) Call(f request.Function) {
	t.call(f.Call, func(l usercall.Left) {
		if l.Panicked() {
			t.report(f.Context(), f.What()+" of task", l, nil)
		}
		f.Over(l)
	})
}

// Leave says that the goroutine of Enter has ended.
func (t *task) Leave() {
	c := t.crewed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 {
		c.idle.Broadcast()
	}
}

// wait waits until the last of the goroutines has ended, in one step with which none
// may begin.
func (t *task) wait() {
	if t.crew.CompareAndSwap(nil, noCrew) {
		return
	}
	c := t.crewed()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for c.n > 0 {
			c.idle.Wait()
		}
		left := c.list.Take()
		if len(left) == 0 {
			c.over = true
			return
		}
		c.mu.Unlock()
		for _, one := range left {
			one.End() // which may begin one more goroutine
		}
		c.mu.Lock()
	}
}

// Hold keeps one until the task ends. False: it has.
func (t *task) Hold(one *request.DrainCall) bool {
	c := t.crewed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.list.Add(one)
	return true
}

// Drop forgets one.
func (t *task) Drop(one *request.DrainCall) {
	c := t.crewed()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list.Remove(one)
}

var _ request.Crew = (*task)(nil)

// taskOf gives the task that ctx belongs to, nil if it is none.
func taskOf(ctx context.Context) *task {
	if ctx == nil {
		return nil
	}
	t, _ := scope.TaskOf(ctx).(*task)
	return t
}
