package eof

import (
	"cmp"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Options are the settings of a [Background]. The zero value has the limits
// that the fields name.
type Options struct {
	// Running is the number of tasks that may run at once; others wait. 0 means
	// 256. Detached handlers are not counted. It is lua_max_running_timers of
	// ngx_lua.
	Running int

	// Pending is the number of tasks that may wait at once, including those of
	// After and those whose response has not ended. One more is refused. 0
	// means 1024. It is lua_max_pending_timers of ngx_lua.
	Pending int

	// Detached is the number of handlers that may run without a client, after
	// Send or an exit. At the limit Detach answers 503 with Retry-After: 1 and
	// does not run the handler; the page is that of exitcode.New, if there is
	// one. Handlers that run already may exceed the limit. 0 means 4096.
	Detached int

	// Timeout is the longest time that a task, or a detached handler counted
	// from Send, may take before its context ends. 0 means no limit. A function
	// that ignores its context keeps running.
	Timeout time.Duration

	// OnPanic receives the value and the stack of a panic of a task, or of a
	// handler whose response has ended. If it is nil, the panic is logged with
	// its stack: by the Lifecycle that the Background is part of, else by
	// http.Server.ErrorLog, or by the standard logger where there is no server.
	// OnPanic is called on the goroutine that panicked. If OnPanic panics, that
	// is logged in the same way.
	OnPanic func(v any, stack []byte)
}

// A Background owns the work that continues after responses. It limits the
// work, logs and recovers its panics, and waits for it at a shutdown. All its
// methods may be called from any goroutine. Make one with [New]; the zero value
// is not usable.
//
// A Background starts no goroutine before there is work: one for each detached
// handler and each task, which ends with it.
//
// A Background that was made outside of all testing/synctest bubbles, in a package
// variable for instance, may be used in bubbles and outside. The work of a bubble must
// end before the bubble does, and Shutdown must then be called outside of bubbles.
type Background struct {
	o        Options
	config   *request.Config
	listener atomic.Pointer[work.Listener] // nil: no Lifecycle is around
	detached atomic.Int64                  // Stats.Detached; written under mu

	mu       sync.Mutex    // guards what follows
	stats    Stats         // but for Detached
	workers  goroutines    // their number needs no lock
	bubble   bool          // the Background was made in a testing/synctest bubble
	waits    work.List     // tasks whose response has not ended
	timed    work.List     // tasks that wait for their time
	queue    work.List     // tasks that are due, while all Running are taken
	runs     work.List     // what runs
	calls    work.List     // of OnDrain
	draining bool          // Drain or Shutdown was called
	drained  chan struct{} // closed when draining is set; another after Resume
	forced   bool          // a Shutdown has given up
	idle     chan struct{} // closed when there is no work; made by Shutdown
	free     *work.Handler // to be used again, see owner.Sent
	freed    int           // how many these are
}

// Stats are the counts of a [Background], taken at one moment.
type Stats struct {
	// Now: tasks that run, tasks that wait, handlers that run after Send or an
	// exit.
	Running, Pending, Detached int64

	// In total: tasks and detached handlers that returned, those that panicked,
	// tasks that were refused, and work that a forced shutdown gave up.
	Done, Panicked, Rejected, Lost uint64

	// In total: requests that Detach answered with 503.
	Refused uint64
}

// New makes a Background with the settings o. It panics if a number in o is
// negative.
func New(o Options) *Background {
	if o.Running < 0 || o.Pending < 0 || o.Detached < 0 || o.Timeout < 0 {
		panic(fmt.Sprintf("eof.New: negative option, got Running %d, Pending %d, Detached %d, Timeout %v",
			o.Running, o.Pending, o.Detached, o.Timeout))
	}
	o.Running = cmp.Or(o.Running, 256)
	o.Pending = cmp.Or(o.Pending, 1024)
	o.Detached = cmp.Or(o.Detached, 4096)
	b := &Background{o: o, drained: make(chan struct{})}
	b.bubble = work.InBubble()
	b.workers.mu, b.workers.over = &b.mu, b.endedLocked
	b.config = &request.Config{Owner: (*owner)(b)}
	return b
}

// Handler is a middleware that enables [Defer] and [After] in the handlers
// inside it.
func (b *Background) Handler(next http.Handler) http.Handler {
	return request.Handler(b.config, next)
}

// Detach is Handler, and enables [Send] as well. It runs next on a separate
// goroutine, so that ServeHTTP can return before next does. While
// Options.Detached handlers run without a client, Detach answers 503 and does
// not run next. Inside another Detach, it is Handler.
//
// Compressors and session middlewares must be outside of Detach: what one inside
// writes when the handler returns comes after [Send] and is dropped.
//
// Inside Detach the handler has a separate header map. Its context has no
// Deadline; the deadline of an outer context works by cancellation, until Send.
// Mount Detach inside the router, with chi's With. If it is around the router
// (chi's Use), and an exit from another goroutine than the handler's ends the
// request early, outer handlers do not see its route.
//
// Detach may return before the handler does, so everything between Detach and
// the handler must leave alone what the handler still uses. gin and echo do
// not: an adapter around gin's c.Next and echo.WrapMiddleware give the context
// object (*gin.Context, echo.Context) to the next request when the middleware
// returns, and the handler continues with the data of another client. With
// these frameworks Detach must be around the whole engine, as the handler of
// the http.Server.
func (b *Background) Detach(next http.Handler) http.Handler {
	return request.Detach(b.config, next)
}

// Stats returns the current counts.
func (b *Background) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Detached = b.detached.Load()
	return s
}

// countLocked counts work that is over.
func (b *Background) countLocked(w work.Work, panicked bool) {
	switch {
	case w.Entry().Lost:
	case panicked:
		b.stats.Panicked++
	default:
		b.stats.Done++
	}
	b.runs.Remove(w)
	b.endedLocked()
}

// endedLocked wakes Shutdown if there is no work and no goroutine is left.
func (b *Background) endedLocked() {
	if b.idle != nil && b.stats.Pending == 0 && b.runs.Len() == 0 && b.workers.n.Load() == 0 {
		close(b.idle)
		b.idle = nil
		b.workers.awaited.Store(false)
	}
}
