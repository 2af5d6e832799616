package eof

import (
	"context"
	"runtime/pprof"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// workers are the goroutines of detached handlers. A goroutine begins with a
// small stack, and a handler that calls deep pays for growing it; so one that is
// done waits for the next handler, the last to come first to go, unless that
// handler has left it locked to its thread. Those that
// nobody needed for idleTime end, all do when the Background has shut down.
// Background.mu guards them.
type workers struct {
	idle   []*worker // parked, the newest last
	unused int       // the fewest that were parked since the last look
	look   *time.Timer
	closed bool // none parks any more
}

// worker is a goroutine that is parked, or at work.
type worker struct {
	next chan request.Job // closed: end
	head [96]byte         // for unlocked
}

const idleTime = 10 * time.Second

// takeLocked takes a worker that is parked; nil: none is.
func (p *workers) takeLocked() *worker {
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	w := p.idle[n]
	p.idle[n] = nil
	p.idle = p.idle[:n]
	p.unused = min(p.unused, n)
	return w
}

// work is a worker's goroutine. A job that calls runtime.Goexit ends it.
func (b *Background) work(w *worker, job request.Job) {
	atWork := true
	defer func() {
		if atWork {
			b.finished(nil)
		}
	}()
	for ok := true; ok; job, ok = <-w.next {
		atWork = true
		pprof.SetGoroutineLabels(job.Context())
		job.Run()
		pprof.SetGoroutineLabels(context.Background())
		job = nil // not to be kept alive by a parked worker
		atWork = false
		if !unlocked(&w.head) {
			b.finished(nil) // the goroutine ends, and its thread with it
			return
		}
		if !b.finished(w) {
			return
		}
	}
}

// workOnce is the goroutine of a job that comes from a testing/synctest bubble to
// a Background made outside of it, or the other way round. A goroutine belongs to
// the bubble that it was started in for good, and so do the channels and wait
// groups that it uses: none may wait for a job from elsewhere, nor be left over
// when the bubble ends.
func (b *Background) workOnce(job request.Job) {
	defer b.finished(nil)
	pprof.SetGoroutineLabels(job.Context())
	job.Run()
}

// finished says that a job is over, and parks w. False: w has to end.
func (b *Background) finished(w *worker) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlers--
	parked := w != nil && !b.workers.closed
	if parked {
		b.parkLocked(w)
	}
	b.endedLocked() // ends w with the others
	return parked
}

func (b *Background) parkLocked(w *worker) {
	p := &b.workers
	p.idle = append(p.idle, w)
	if p.look == nil {
		p.unused = 0
		p.look = time.AfterFunc(idleTime, b.retire)
	}
}

// retire ends the workers that were parked all the time since the last look.
func (b *Background) retire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &b.workers
	if p.closed {
		return
	}
	p.endLocked(p.unused)
	p.unused = len(p.idle)
	if p.unused == 0 {
		p.look = nil
		return
	}
	p.look.Reset(idleTime)
}

// endLocked ends the n workers that have been parked the longest.
func (p *workers) endLocked(n int) {
	for _, w := range p.idle[:n] {
		close(w.next)
	}
	kept := copy(p.idle, p.idle[n:])
	clear(p.idle[kept:])
	p.idle = p.idle[:kept]
}

// closeLocked ends those that are parked now, and the others when they are done.
func (p *workers) closeLocked() {
	p.closed = true
	if p.look != nil {
		p.look.Stop()
	}
	p.endLocked(len(p.idle))
}
