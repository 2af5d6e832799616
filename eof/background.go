package eof

import (
	"container/list"
	"context"
	"fmt"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Options are the settings of a [Background].
type Options struct {
	// Running is how many tasks run at once; more wait. 0: 256. Detached handlers
	// are not counted. It is lua_max_running_timers.
	Running int

	// Pending is how many tasks wait at once, those of After and those whose
	// response has not ended included; one more is refused. 0: 1024. It is
	// lua_max_pending_timers.
	Pending int

	// Timeout is the longest run of a task, or of a detached handler counted from
	// Send; then its context ends. 0: none. A function that does not look at its
	// context runs on.
	Timeout time.Duration

	// OnPanic is told of a panic of a task, or of a handler after Send; nil: the
	// standard logger, as in net/http. It is called on the panicking goroutine.
	OnPanic func(v any, stack []byte)
}

// Background owns the work that outlives responses: it limits, logs, recovers
// and drains it. All its methods may be called from any goroutine. It starts no
// goroutine before there is work, and none outlives that.
type Background struct {
	o      Options
	config *request.Config

	mu       sync.Mutex // guards what follows
	stats    Stats
	handlers int                        // goroutines of Detach, whether their response has ended or not
	queue    list.List                  // of *task: due, all Running are taken
	timers   map[*task]*time.Timer      // After tasks that are not due yet
	cancels  map[*cancellation]struct{} // of what runs
	draining bool                       // Shutdown was called
	forced   bool                       // a Shutdown has given up
	idle     chan struct{}              // closed when there is no work; made by Shutdown
}

// cancellation is how something that runs is ended.
type cancellation struct {
	cancel func(cause error)
	work   bool // a task or detached handler, not an abort callback
	lost   bool // a shutdown has given it up, and counted it
}

// Stats are the counts of a [Background].
type Stats struct {
	Running, Pending, Detached     int64  // now: tasks running, tasks waiting, handlers at work after Send
	Done, Panicked, Rejected, Lost uint64 // in all: tasks and detached handlers that returned, that panicked, tasks refused, work given up at a forced shutdown
}

// New makes a Background. It panics if a number in o is negative.
func New(o Options) *Background {
	if o.Running < 0 || o.Pending < 0 || o.Timeout < 0 {
		panic(fmt.Sprintf("eof.New: negative option, got Running %d, Pending %d, Timeout %v", o.Running, o.Pending, o.Timeout))
	}
	if o.Running == 0 {
		o.Running = 256
	}
	if o.Pending == 0 {
		o.Pending = 1024
	}
	b := &Background{o: o, timers: make(map[*task]*time.Timer), cancels: make(map[*cancellation]struct{})}
	b.config = &request.Config{Owner: (*owner)(b)}
	return b
}

// Handler enables [Defer] and [After] in the handlers inside.
func (b *Background) Handler(next http.Handler) http.Handler {
	return request.Handler(b.config, next)
}

// Detach is Handler, and enables [Send] too: next runs on a goroutine of its
// own. The handler's header map is then its own, its context has no Deadline
// (an outer one works by cancellation, until Send), and a ResponseWriter's
// Unwrap gives nil. Inside another Detach it is Handler.
func (b *Background) Detach(next http.Handler) http.Handler {
	return request.Detach(b.config, next)
}

// Stats gives the counts of now.
func (b *Background) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

// Shutdown waits for the work to end: running and waiting tasks, detached
// handlers. Tasks of [After] that are not due run at once, and no new ones are
// accepted; those of [Defer] are. If ctx ends first, it cancels what is left
// with [ErrShuttingDown], drops what waits, and gives an error that says how
// much and Is the error of ctx. It may be called at any time, twice, and at
// once; each call waits.
//
// Call it after http.Server.Shutdown, which does not know of this work.
func (b *Background) Shutdown(ctx context.Context) error {
	b.mu.Lock()
	b.draining = true
	var early []*task
	for t, timer := range b.timers {
		if timer.Stop() {
			t.premature = true
			early = append(early, t)
		}
		delete(b.timers, t)
	}
	for _, t := range early {
		b.startLocked(t)
	}
	if b.idle == nil {
		b.idle = make(chan struct{})
	}
	idle := b.idle
	b.endedLocked()
	b.mu.Unlock()

	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-idle:
		return nil
	default:
		return b.giveUp(ctx)
	}
}

// giveUp cancels what runs and drops what waits.
func (b *Background) giveUp(ctx context.Context) error {
	b.mu.Lock()
	b.forced = true
	left := b.stats.Running + b.stats.Pending + b.stats.Detached
	b.stats.Lost += uint64(b.stats.Pending)
	b.stats.Pending = 0
	b.queue.Init()
	var cancels []func(error)
	for c := range b.cancels {
		if !c.lost {
			c.lost = true
			if c.work {
				b.stats.Lost++
			}
			cancels = append(cancels, c.cancel)
		}
	}
	b.endedLocked()
	b.mu.Unlock()
	for _, cancel := range cancels {
		cancel(ErrShuttingDown)
	}
	return fmt.Errorf("eof: shutdown gave up %d tasks and handlers: %w", left, ctx.Err())
}

// endedLocked wakes Shutdown if there is no work.
func (b *Background) endedLocked() {
	if b.idle != nil && b.handlers == 0 && b.stats.Running == 0 && b.stats.Pending == 0 && b.stats.Detached == 0 {
		close(b.idle)
		b.idle = nil
	}
}

// trackLocked keeps cancel for a shutdown that gives up.
func (b *Background) trackLocked(cancel func(error), work bool) *cancellation {
	c := &cancellation{cancel: cancel, work: work}
	b.cancels[c] = struct{}{}
	return c
}

// panicked reports a panic where it can do no harm.
func (b *Background) panicked(v any, stack []byte) {
	defer func() {
		if again := recover(); again != nil {
			log.Printf("eof: panic in OnPanic: %v", again)
		}
	}()
	if b.o.OnPanic != nil {
		b.o.OnPanic(v, stack)
		return
	}
	log.Printf("eof: panic in background work: %v\n%s", v, stack)
}

// owner is a Background as the request sees it.
type owner Background

func (o *owner) Go(f func()) {
	b := (*Background)(o)
	b.mu.Lock()
	b.handlers++
	b.mu.Unlock()
	go func() {
		defer func() {
			b.mu.Lock()
			b.handlers--
			b.endedLocked()
			b.mu.Unlock()
		}()
		f()
	}()
}

func (o *owner) Sent(cancel func(err, cause error)) func(panicked bool) {
	b := (*Background)(o)
	var timer *time.Timer
	if b.o.Timeout > 0 {
		timer = time.AfterFunc(b.o.Timeout, func() { cancel(context.DeadlineExceeded, context.DeadlineExceeded) })
	}
	b.mu.Lock()
	b.stats.Detached++
	c := b.trackLocked(func(cause error) { cancel(context.Canceled, cause) }, true)
	b.mu.Unlock()
	return func(panicked bool) {
		if timer != nil {
			timer.Stop()
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.stats.Detached--
		b.countLocked(c, panicked)
	}
}

// countLocked counts work that is over.
func (b *Background) countLocked(c *cancellation, panicked bool) {
	delete(b.cancels, c)
	switch {
	case c.lost:
	case panicked:
		b.stats.Panicked++
	default:
		b.stats.Done++
	}
	b.endedLocked()
}

func (o *owner) Panicked(v any, stack []byte) { (*Background)(o).panicked(v, stack) }

func (o *owner) Track(cancel func(cause error)) func() {
	b := (*Background)(o)
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.trackLocked(cancel, false)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.cancels, c)
	}
}
