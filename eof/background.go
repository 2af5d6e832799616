package eof

import (
	"cmp"
	"container/list"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/work"
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

	// Detached is how many handlers work without a client: after Send or an exit.
	// At the limit Detach answers 503 with Retry-After: 1 before the handler runs;
	// the page is that of exitcode.New, if there is one. Handlers that run already
	// may exceed the limit. 0: 4096.
	Detached int

	// Timeout is the longest run of a task, or of a detached handler counted from
	// Send; then its context ends. 0: none. A function that does not look at its
	// context runs on.
	Timeout time.Duration

	// OnPanic is told of a panic of a task, or of a handler whose response has
	// ended; nil: the panic is logged with its stack, by the Lifecycle that is around
	// the handler, else by http.Server.ErrorLog. It is called on the panicking
	// goroutine. A panic of its own is logged in the same way.
	OnPanic func(v any, stack []byte)
}

// A Background owns the work that outlives responses: it limits, logs, recovers
// and drains it. All its methods may be called from any goroutine. It starts no
// goroutine before there is work. Those of detached handlers wait for the next
// one and end when nobody needs them for 10 seconds, or with [Background.Shutdown]:
// a testing/synctest bubble with a Background of its own in which Detach was used
// has to call that. A Background that was made outside of all bubbles, in a
// package's variable for instance, may be used in and outside of them, and leaves
// no goroutine in a bubble; its work has to end before the bubble does, and
// Shutdown is for the outside.
type Background struct {
	o      Options
	config *request.Config

	mu       sync.Mutex // guards what follows
	stats    Stats
	workers  workers               // all goroutines
	queue    list.List             // of *task: due, all Running are taken
	timers   map[*task]*time.Timer // After tasks that are not due yet
	runs     work.List             // what runs
	draining bool                  // Shutdown was called
	forced   bool                  // a Shutdown has given up
	idle     chan struct{}         // closed when there is no work; made by Shutdown
}

// Stats are the counts of a [Background].
type Stats struct {
	Running, Pending, Detached     int64  // now: tasks running, tasks waiting, handlers at work after Send
	Done, Panicked, Rejected, Lost uint64 // in all: tasks and detached handlers that returned, that panicked, tasks refused, work given up at a forced shutdown
	Refused                        uint64 // in all: requests that Detach answered 503
}

// New makes a Background. It panics if a number in o is negative.
func New(o Options) *Background {
	if o.Running < 0 || o.Pending < 0 || o.Timeout < 0 {
		panic(fmt.Sprintf("eof.New: negative option, got Running %d, Pending %d, Timeout %v", o.Running, o.Pending, o.Timeout))
	}
	if o.Detached < 0 {
		panic(fmt.Sprintf("eof.New: negative option, got Detached %d", o.Detached))
	}
	o.Running = cmp.Or(o.Running, 256)
	o.Pending = cmp.Or(o.Pending, 1024)
	o.Detached = cmp.Or(o.Detached, 4096)
	b := &Background{o: o, timers: make(map[*task]*time.Timer)}
	b.workers = workers{mu: &b.mu, over: b.endedLocked, bubble: work.InBubble()}
	b.config = &request.Config{Owner: (*owner)(b)}
	return b
}

// Handler enables [Defer] and [After] in the handlers inside.
func (b *Background) Handler(next http.Handler) http.Handler {
	return request.Handler(b.config, next)
}

// Detach is Handler, and enables [Send] too: next runs on a goroutine of its
// own. While Options.Detached others work without a client, it answers 503 in
// place of next. The handler's header map is then its own, its context has no Deadline
// (an outer one works by cancellation, until Send), and a ResponseWriter's
// Unwrap gives nil. Inside another Detach it is Handler. Mount it inside the
// routing (chi's With): around it (Use), outer handlers do not see the route of
// a request that an exit from beside the handler ended early.
//
// Detach returns before the handler does, so everything between Detach and the
// handler must leave alone what the handler still uses. gin and echo do not: an
// adapter around gin's c.Next and echo.WrapMiddleware give the context object
// (*gin.Context, echo.Context) to the next request when the middleware returns, and
// the handler goes on with another client's data. With them Detach goes around the
// whole engine: it is the handler of the http.Server, and the engine is inside.
func (b *Background) Detach(next http.Handler) http.Handler {
	return request.Detach(b.config, next)
}

// Stats gives the counts of now.
func (b *Background) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
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
	if b.idle != nil && b.stats.Pending == 0 && b.runs.Empty() && b.workers.closedLocked() {
		close(b.idle)
		b.idle = nil
	}
}
