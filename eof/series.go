package eof

import "time"

// series is a function of Every: one task after the other, each of which makes the
// next when it has run. Background.mu guards it.
type series struct {
	b       *Background
	every   time.Duration
	began   time.Time // the times are counted from
	waits   *task     // nil: one runs, or it is over
	stopped bool
}

// stop ends s; what runs goes on.
func (s *series) stop() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if t := s.waits; t != nil && t.in != nil {
		s.b.endLocked(t)
	}
	s.stopped = true
}

// endLocked ends the series of t, which waits.
func (b *Background) endLocked(t *task) {
	t.series.stopped, t.series.waits = true, nil
	b.dropLocked(t)
	b.endedLocked()
}

// dropLocked has t, which waits, never run.
func (b *Background) dropLocked(t *task) {
	if t.timer != nil {
		t.timer.Stop() // if it has fired, fire finds that it is nil
		t.timer = nil
	}
	b.stats.Pending--
	b.moveLocked(t, nil)
}

// nextLocked has the task come that follows t, which has run. Its place is not asked
// for: else a busy Background would end the series.
func (s *series) nextLocked(t *task) {
	if s.stopped || s.b.draining {
		return
	}
	n := &task{b: s.b, req: t.req, fn: t.fn, name: t.name, series: s}
	n.ctx.Scope = t.ctx.Sibling().ForTask(n)
	n.delay = s.every - time.Since(s.began)%s.every
	s.b.waitLocked(n)
	s.waits = n
	s.b.timeLocked(n)
}
