package eof

import (
	"context"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// workers are the goroutines of a Background. A goroutine begins with a small
// stack, and a handler with deep calls pays for growing it; so the goroutine of a
// detached handler that has returned waits for the next handler, unless that
// handler has left it locked to its thread. The one that has waited the shortest is
// the first to go on. Those that nobody needed for idleTime end; all of them do when
// the Background has shut down. A task has a goroutine of its own.
type workers struct {
	bubble bool   // the Background was made in a testing/synctest bubble
	over   func() // called with mu held when a handler has returned or a goroutine is about to end

	mu         *sync.Mutex // Background.mu, which guards what follows
	handlers   int         // detached handlers that have not returned
	goroutines int         // those at work and those that are parked
	parked     []*worker   // the newest last
	unused     int         // the fewest that were parked since the last look
	look       *time.Timer
	closed     bool // none parks any more
}

// worker is a goroutine that is parked, or at work.
type worker struct {
	next chan work.Job // closed: end
	ran  bool          // a job
}

const idleTime = 10 * time.Second

// run runs j, a detached handler.
func (p *workers) run(j work.Job) {
	own := work.InBubble() == p.bubble
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers++
	if !own {
		p.goLocked(func() { p.workOnce(j) })
		return
	}
	if w := p.takeLocked(); w != nil {
		w.next <- j // there is room: w is parked, and only who took it sends
		return
	}
	w := &worker{next: make(chan work.Job, 1)}
	w.next <- j
	p.goroutines++
	work.Loop(func(unlocked bool) bool { return p.parks(w, unlocked) && p.work(w) }, p.left)
}

// goLocked runs f on a goroutine of its own.
func (p *workers) goLocked(f func()) {
	p.goroutines++
	work.Go(f, p.left)
}

// left is the last call on a goroutine of the Background.
func (p *workers) left() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.goroutines--
	p.over()
}

// takeLocked takes a worker that is parked; nil: none is.
func (p *workers) takeLocked() *worker {
	n := len(p.parked) - 1
	if n < 0 {
		return nil
	}
	w := p.parked[n]
	p.parked[n] = nil
	p.parked = p.parked[:n]
	p.unused = min(p.unused, n)
	return w
}

// work waits for a job and runs it, and reports whether there was one. A job that calls
// runtime.Goexit ends the goroutine.
func (p *workers) work(w *worker) (again bool) {
	job, ok := <-w.next
	if !ok {
		return false
	}
	w.ran = true
	defer func() {
		if !again {
			p.finished(nil)
		}
	}()
	pprof.SetGoroutineLabels(job.Context())
	job.Run()
	pprof.SetGoroutineLabels(context.Background())
	return true
}

// parks parks a worker whose job is over. It reports whether the worker is to wait for a
// job. If the last one has left the goroutine locked to its thread the worker has to end,
// and its thread ends with it.
func (p *workers) parks(w *worker, unlocked bool) bool {
	switch {
	case !w.ran: // its first job waits already
		return true
	case !unlocked:
		w = nil
	}
	return p.finished(w)
}

// workOnce is the goroutine of a job that comes from a testing/synctest bubble to
// a Background made outside of it, or the other way round. A goroutine belongs to
// the bubble that it was started in for good, and so do the channels and wait
// groups that it uses: none may wait for a job from elsewhere, nor be left over
// when the bubble ends.
func (p *workers) workOnce(job work.Job) {
	defer p.finished(nil)
	pprof.SetGoroutineLabels(job.Context())
	job.Run()
}

// finished notes that a job is over, and parks w. It reports whether w is to wait
// for another job; if not, w has to end.
func (p *workers) finished(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers--
	parks := w != nil && !p.closed
	if parks {
		p.parkLocked(w)
	}
	p.over() // may end w, together with the others
	return parks
}

func (p *workers) parkLocked(w *worker) {
	p.parked = append(p.parked, w)
	if p.look == nil {
		p.unused = 0
		p.look = time.AfterFunc(idleTime, p.retire)
	}
}

// retire ends the workers that were parked all the time since the last look.
func (p *workers) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.endLocked(p.unused)
	p.unused = len(p.parked)
	if p.unused == 0 {
		p.look = nil
		return
	}
	p.look.Reset(idleTime)
}

// endLocked ends the n workers that have been parked the longest.
func (p *workers) endLocked(n int) {
	for _, w := range p.parked[:n] {
		close(w.next)
	}
	kept := copy(p.parked, p.parked[n:])
	clear(p.parked[kept:])
	p.parked = p.parked[:kept]
}

// closedLocked ends the parked workers if no handler is at work, and has none park
// from then on. It reports whether no goroutine is left.
func (p *workers) closedLocked() bool {
	if p.handlers > 0 {
		return false
	}
	p.closed = true
	if p.look != nil {
		p.look.Stop()
	}
	p.endLocked(len(p.parked))
	return p.goroutines == 0
}
