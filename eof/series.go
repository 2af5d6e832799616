package eof

import (
	"time"

	"github.com/lastbyte-go/lastbyte/internal/scope"
)

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
	if t := s.waits; t != nil && !t.overLocked() {
		s.b.endLocked(t)
	}
	s.stopped = true
}

// endLocked ends the series of t, which waits.
func (b *Background) endLocked(t *task) {
	t.series.stopped, t.series.waits = true, nil
	if t.timer != nil {
		t.timer.Stop() // if it has fired, startLocked looks
		t.timer = nil
	}
	if t.place != nil {
		b.queue.Remove(t.place)
		t.place = nil
	}
	b.stats.Pending--
	b.waits.Remove(t)
	b.endedLocked()
}

// nextLocked has the task come that follows t, which has run. Its place is not asked
// for: else a busy Background would end the series.
func (s *series) nextLocked(t *task) {
	if s.stopped || s.b.draining {
		return
	}
	n := &task{b: s.b, req: t.req, fn: t.fn, name: t.name, series: s}
	n.crew.idle.L = &n.crew.mu
	own := scope.Of(t.ctx).Sibling().ForTask(n)
	n.ctx = &own
	n.delay = s.every - time.Since(s.began)%s.every
	s.b.waitLocked(n)
	s.waits = n
	n.timer = time.AfterFunc(n.delay, n.fire)
}
