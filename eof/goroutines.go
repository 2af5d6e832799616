package eof

import (
	"sync"
	"sync/atomic"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// goroutines are those of a Background. Each task and each detached handler has one of its
// own, which ends with it. A handler may have locked its goroutine to a thread whose
// namespaces or credentials it has changed (runtime.LockOSThread), so that another
// client's handler must not run there; and to ask package runtime whether it has takes
// longer than to start a goroutine. It also has the pprof labels of the goroutine that
// started it, as a handler in net/http has those of the goroutine that serves.
type goroutines struct {
	mu   *sync.Mutex // Background.mu
	over func()      // called with mu held when the last one has ended

	n       atomic.Int64 // at work
	awaited atomic.Bool  // somebody waits for n to be 0. Written under mu
}

// run runs one, a task or a detached handler, which calls left at its end.
func (g *goroutines) run(one work.Goroutine, deep bool) {
	g.n.Add(1)
	work.Start(one, deep)
}

// left is the last call on a goroutine of the Background. Who waits has said so before
// it looks at n, so that one of the two sees the other.
func (g *goroutines) left() {
	if g.n.Add(-1) == 0 && g.awaited.Load() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.over()
	}
}
