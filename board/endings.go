package board

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/request"
	"github.com/lastbyte-go/lastbyte/internal/route"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// kind is a middleware.Ending, or task.
type kind int

const (
	handler = kind(middleware.ByHandler)
	task    = kind(middleware.ByPanic) + 1 // a task has ended
	kinds   = task + 1                     // how many there are
)

func (k kind) String() string {
	if k == task {
		return "task"
	}
	return middleware.Ending(k).String()
}

// ending is a response that has ended, or a task. It is not changed once it is kept: what
// becomes known later comes in a copy.
type ending struct {
	id      uint64 // counts the endings that were kept
	version uint64 // counts the changes of what is kept
	kind    kind
	at      time.Time
	took    time.Duration

	method, path, route, proto, client, requestID string // of a task the route is its name

	own bool // a request for the board that it has answered

	out middleware.Outcome // without what has no bound
}

// gate lets perSlot endings through in each slot of time. The others are counted, and not
// kept: to keep one costs more than to serve a small request.
type gate struct{ word atomic.Uint64 } // the slot, and 16 bits with how many it has let through

const (
	slot    = 1 << 28 // nanoseconds, about a quarter of a second
	perSlot = 256
)

// pass reports whether the ending at that time is let through. The beginning of the clock is
// the same for all calls.
func (g *gate) pass(at time.Duration) bool {
	const zero = 1 << 62 // so that times before the beginning are numbers, too
	now := uint64(max(at, -zero)+zero) / slot
	for {
		w := g.word.Load()
		next := w + 1
		if w>>16 < now || w == 0 { // else it is the same slot, or one that has been left: a late ending
			next = now<<16 + 1
		} else if w&(1<<16-1) >= perSlot {
			return false
		}
		if g.word.CompareAndSwap(w, next) {
			return true
		}
	}
}

// want counts an ending, and reports whether it is kept.
func (b *board) want(by middleware.Ending, at time.Duration) bool {
	k := kind(by)
	if k != handler { // Lifecycle.Stats counts all together
		b.counts[k].Add(1)
	}
	return b.gates[k].pass(at)
}

// onEnd keeps an ending.
func (b *board) onEnd(r *http.Request, o middleware.Outcome) {
	ctx := r.Context()
	e := &ending{
		kind: kind(o.Ending()), at: o.Start.Add(o.Duration), took: o.Duration,
		method: short(r.Method, 16), path: short(r.URL.Path, 256), route: short(route.Known(ctx, r), 128),
		proto: short(r.Proto, 16), client: short(r.RemoteAddr, 64),
		out: o,
	}
	if req, ok := request.From(ctx); ok { // not from r.Header: a detached handler may be writing to it
		e.requestID, e.own = short(req.ID(ctx), 64), b.own.take(req) && o.Status == http.StatusOK
	}
	if a := o.Abort; a != nil {
		e.out.Abort = &abort.Error{Reason: a.Reason, Stage: a.Stage, After: a.After} // whatever Err holds on to
	}
	e.out.Attrs = shortAttrs(o.Attrs)
	b.kept.add(e, b.totals)
}

// onDone notes how long a handler worked whose response had ended.
func (b *board) onDone(r *http.Request, o middleware.Outcome) {
	b.kept.worked(worked{o.Start, short(r.RemoteAddr, 64), o.Worked})
}

func (b *board) onTask(i eof.Item, took time.Duration) {
	b.counts[task].Add(1)
	at := i.Since.Add(took)
	if b.gates[task].pass(at.Sub(b.began)) {
		b.kept.add(&ending{kind: task, at: at, took: took, route: short(i.Name, 128)}, b.totals)
	}
}

// ended is how many requests have ended.
func ended(s middleware.Stats) uint64 { return s.Requests - uint64(max(s.Active, 0)) }

// totals are the endings of each kind since the board was made.
func (b *board) totals() (t [kinds]uint64) {
	var others uint64
	for k := range kinds {
		t[k] = b.counts[k].Load()
		if k != task {
			others += t[k]
		}
	}
	// Read after the others: a request is counted there before OnEnd is called.
	all := ended(b.life.Stats()) - b.before
	t[handler] = max(all, others) - others
	return t
}

// kept are the endings that are listed. mu guards all of it.
type kept struct {
	mu sync.Mutex

	size    int
	good    []*ending // handlers that have returned and tasks, the last ones; oldest first
	others  []*ending
	early   []worked // of endings that OnEnd has not told of yet
	id      uint64
	version uint64
	marks   []mark // one for each second with an ending
}

// worked is what OnDone has said of a request.
type worked struct {
	start  time.Time
	client string
	took   time.Duration
}

func (w worked) of(e *ending) bool {
	return e.kind != task && e.client == w.client && e.out.Start.Equal(w.start)
}

// add keeps e. totals are counted before the first ending of a second is kept.
func (l *kept) add(e *ending, totals func() [kinds]uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.markLocked(e.at.Unix(), e.kind, totals)
	l.id++
	l.version++
	e.id, e.version = l.id, l.version
	if i := slices.IndexFunc(l.early, func(w worked) bool { return w.of(e) }); i >= 0 {
		e.out.Worked = l.early[i].took
		l.early = slices.Delete(l.early, i, i+1)
	}
	list := &l.others
	if e.kind == handler || e.kind == task {
		list = &l.good
	}
	if len(*list) == l.size {
		*list = slices.Delete(*list, 0, 1)
	}
	*list = append(*list, e)
}

// maxEarly bounds what is kept of work that was as quick as the end of its response.
const maxEarly = 64

// worked replaces the ending that w is of by one that knows.
func (l *kept) worked(w worked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, list := range [][]*ending{l.others, l.good} {
		for i, e := range slices.Backward(list) {
			if w.of(e) {
				l.version++
				known := *e
				known.version, known.out.Worked = l.version, w.took
				list[i] = &known
				return
			}
		}
	}
	if len(l.early) == maxEarly {
		l.early = slices.Delete(l.early, 0, 1)
	}
	l.early = append(l.early, w)
}

// since gives the endings that have changed after the version, the newest first, and the
// version now. Of more than size, half may be those that were no good.
func (l *kept) since(version uint64) (list []*ending, now uint64) {
	l.mu.Lock()
	others, good := changed(l.others, version), changed(l.good, version)
	now = l.version
	l.mu.Unlock()
	if len(others)+len(good) > l.size {
		half := max(l.size/2, l.size-len(good))
		first := others[:min(len(others), half)]
		rest := slices.Concat(others[len(first):], good)
		slices.SortFunc(rest, newest)
		others, good = first, rest[:l.size-len(first)]
	}
	list = append(others, good...)
	slices.SortFunc(list, newest)
	return list, now
}

// changed gives those of list that have changed after the version, the newest first.
func changed(list []*ending, version uint64) (found []*ending) {
	for _, e := range slices.Backward(list) {
		if e.version > version {
			found = append(found, e)
		}
	}
	return found
}

func newest(a, b *ending) int {
	switch {
	case a.id > b.id:
		return -1
	case a.id < b.id:
		return 1
	}
	return 0
}
