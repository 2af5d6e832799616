package eof

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Item is a piece of work of a [Background].
type Item struct {
	// Kind is "handler" or "task".
	Kind string

	// Name is the name of a task that [Background.Go] and the like were given, else
	// method and route of the request that the work is of, as "POST /tasks". The route
	// is the pattern of chi or http.ServeMux; without one it is left out. Of a task
	// of [Defer] or [After] the method is known when the response has ended.
	Name string

	// Running is false while a task waits: for the end of its response, for its time or
	// for its turn.
	Running bool

	// Since is when the task began to run or to wait, or when the handler's request
	// began.
	Since time.Time
}

// Work gives what runs and waits now, the oldest first: tasks, detached handlers that
// work without a client, handlers of hijacked connections. It is a copy, made when the
// loop begins: no lock is held while the loop's body runs, which may use the
// Background. The copy has as many items as Stats counts, and those handlers of hijacked
// connections, which Stats does not count. Work may be called from any goroutine, at any
// time.
func (b *Background) Work() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		pieces := b.pieces()
		slices.SortStableFunc(pieces, piece.compare)
		for _, p := range pieces {
			if !yield(p.item()) {
				return
			}
		}
	}
}

// pieces gives what runs and waits.
func (b *Background) pieces() (all []piece) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all = make([]piece, 0, b.stats.Running+b.stats.Pending+b.detached.Load())
	for _, l := range []*work.List{&b.runs, &b.queue, &b.timed, &b.waits} {
		for e := range l.All() {
			if p := pieceOf(e, l == &b.runs); p.kind != "" {
				all = append(all, p)
			}
		}
	}
	return all
}

// piece is an Item whose name is made where no lock is held.
type piece struct {
	kind                string // "": of none that Work has
	name, method, route string
	running             bool
	since               time.Duration // on the clock of work.Now
}

func pieceOf(e *work.Entry, running bool) piece {
	if t, ok := e.Work().(*task); ok {
		return piece{"task", t.name, t.method, t.route, running, work.At(t.since)}
	}
	if h := e.Handler; h != nil {
		return piece{"handler", "", h.Method, h.Route, true, h.Since}
	}
	return piece{}
}

func (p piece) compare(other piece) int { return cmp.Compare(p.since, other.since) }

func (p piece) item() Item {
	if p.name == "" {
		p.name = work.RequestName(p.method, p.route)
	}
	return Item{p.kind, p.name, p.running, work.Date(p.since)}
}

// gone is what a shutdown gives up.
type gone struct {
	handlers, tasks, callbacks int
	oldest                     []piece // in order, maxNames at most
}

// maxNames is how many pieces of work an error names.
const maxNames = 10

func (g *gone) add(p piece) {
	switch p.kind {
	case "task":
		g.tasks++
	case "handler":
		g.handlers++
	default:
		g.callbacks++
		return
	}
	i, _ := slices.BinarySearchFunc(g.oldest, p, func(a, b piece) int { return cmp.Or(a.compare(b), -1) }) // after those of its age
	if i == maxNames {
		return
	}
	g.oldest = slices.Insert(g.oldest[:min(len(g.oldest), maxNames-1)], i, p)
}

// String names the oldest.
func (g *gone) String() string {
	now := work.Now()
	var handlers, tasks []string
	for _, p := range g.oldest {
		name := work.Plain(p.item().Name)
		if name == "" {
			name = "unnamed"
		}
		took := (now - p.since).Seconds()
		if p.kind == "task" {
			tasks = append(tasks, fmt.Sprintf("%s %.1fs", name, took))
		} else {
			handlers = append(handlers, fmt.Sprintf("%s, %.1fs", name, took))
		}
	}
	var all []string
	all = appendKind(all, g.handlers, "handler", handlers, "; ")
	all = appendKind(all, g.tasks, "task", tasks, ", ")
	all = appendKind(all, g.callbacks, "callback", nil, "")
	if len(all) == 0 {
		return "nothing"
	}
	last := len(all) - 1
	if last == 0 {
		return all[0]
	}
	return strings.Join(all[:last], ", ") + " and " + all[last]
}

// appendKind appends what is to say about the n pieces of work of one kind.
func appendKind(all []string, n int, kind string, names []string, sep string) []string {
	if n == 0 {
		return all
	}
	text := fmt.Sprintf("%d %s", n, kind)
	if n > 1 {
		text += "s"
	}
	if len(names) == 0 {
		return append(all, text)
	}
	if len(names) < n {
		names = append(names, "...")
	}
	return append(all, text+" ("+strings.Join(names, sep)+")")
}
