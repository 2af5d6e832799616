package eof

import (
	"context"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// workers are the goroutines of detached handlers. A goroutine begins with a
// small stack, and a handler that calls deep pays for growing it; so one that is
// done waits for the next handler, the last to come first to go. Those that
// nobody needed for idleTime end, all do when the Background has shut down.
type workers struct {
	mu     sync.Mutex
	idle   []*worker // parked, the newest last
	unused int       // the fewest that were parked since the last look
	look   *time.Timer
	closed bool // none parks any more
}

// worker is a goroutine that is parked, or at work.
type worker struct{ next chan request.Job } // closed: end

const idleTime = 10 * time.Second

// run runs job on a worker, a new one if none is parked.
func (p *workers) run(job request.Job) {
	p.mu.Lock()
	n := len(p.idle) - 1
	if n < 0 {
		p.mu.Unlock()
		go p.work(&worker{next: make(chan request.Job, 1)}, job)
		return
	}
	w := p.idle[n]
	p.idle[n] = nil
	p.idle = p.idle[:n]
	p.unused = min(p.unused, n)
	p.mu.Unlock()
	w.next <- job // there is room: w is parked, and only who took it off idle sends
}

// work is a worker's goroutine. A job that calls runtime.Goexit ends it.
func (p *workers) work(w *worker, job request.Job) {
	for ok := true; ok; job, ok = <-w.next {
		pprof.SetGoroutineLabels(job.Context())
		job.Run()
		pprof.SetGoroutineLabels(context.Background())
		job = nil // not to be kept alive by a parked worker
		if !p.park(w) {
			return
		}
	}
}

func (p *workers) park(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.idle = append(p.idle, w)
	if p.look == nil {
		p.unused = 0
		p.look = time.AfterFunc(idleTime, p.retire)
	}
	return true
}

// retire ends the workers that were parked all the time since the last look.
func (p *workers) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
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

// close ends those that are parked now, and the others when they are done.
func (p *workers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.look != nil {
		p.look.Stop()
	}
	p.endLocked(len(p.idle))
}
