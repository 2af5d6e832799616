package eof

import (
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
		b.mu.Lock()
		items, _ := b.itemsLocked()
		b.mu.Unlock()
		for _, i := range sorted(items) {
			if !yield(i) {
				return
			}
		}
	}
}

// itemsLocked gives what runs and waits, and how many callbacks run.
func (b *Background) itemsLocked() (items []Item, callbacks int) {
	items = make([]Item, 0, b.stats.Running+b.stats.Pending+b.stats.Detached)
	for e := range b.runs.All() {
		if t, ok := e.Work().(*task); ok {
			items = append(items, Item{"task", t.nameLocked(), true, t.since})
		} else if h := e.Handler; h != nil {
			items = append(items, Item{"handler", work.RequestName(h.Method, h.Route), true, h.Since})
		} else {
			callbacks++
		}
	}
	for e := range b.waits.All() {
		t := e.Work().(*task)
		items = append(items, Item{"task", t.nameLocked(), false, t.since})
	}
	return items, callbacks
}

// sorted sorts items, the oldest first.
func sorted(items []Item) []Item {
	slices.SortStableFunc(items, func(a, b Item) int { return a.Since.Compare(b.Since) })
	return items
}

// maxNames is how many pieces of work an error names.
const maxNames = 10

// gaveUp says what a shutdown gives up. The oldest are named.
func gaveUp(items []Item, callbacks int) string {
	now := time.Now()
	var handlers, tasks []string
	count := 0 // of tasks
	for n, i := range sorted(items) {
		if i.Kind == "task" {
			count++
		}
		if n >= maxNames {
			continue
		}
		name := work.Plain(i.Name)
		if name == "" {
			name = "unnamed"
		}
		took := now.Sub(i.Since).Seconds()
		if i.Kind == "task" {
			tasks = append(tasks, fmt.Sprintf("%s %.1fs", name, took))
		} else {
			handlers = append(handlers, fmt.Sprintf("%s, %.1fs", name, took))
		}
	}
	var all []string
	all = appendKind(all, len(items)-count, "handler", handlers, "; ")
	all = appendKind(all, count, "task", tasks, ", ")
	all = appendKind(all, callbacks, "callback", nil, "")
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
