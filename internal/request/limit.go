package request

import (
	"sync"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Limit is how long a request may take until its response has ended, see
// exitcode.Timeout. Its requests have the same time, so that mostly they have it in the
// order in which they come: they wait in a list, and one timer is set for the first of
// them. Nearly all have ended by then; a timer for each would take longer to set and to
// stop than all else that a Timeout does.
type Limit struct {
	After time.Duration // from the request's start; 0: as long as it likes
	exit  func() *Exit  // makes the exit; it runs with Request.mu held, and is no function of the user's

	mu          sync.Mutex // guards what follows, and the links of the list; locked after Request.mu
	shared      bool       // it has limited a request before
	first, last *limited   // the list, in the order of at
	timer       *time.Timer
	fires       time.Duration // when the timer does; 0: it does not
}

// NewLimit makes a Limit; exit is no function of the user's.
func NewLimit(after time.Duration, exit func() *Exit) *Limit {
	return &Limit{After: after, exit: exit}
}

// limited is a request's place in the list of its Limit. Request.mu guards it, but for the
// links and listed, which are under Limit.mu; r and at do not change while it is listed.
type limited struct {
	r          *Request
	at         time.Duration // when its time is up, on the clock of work.Now
	prev, next *limited
	listed     bool
	timer      *time.Timer // its own, if it is not in the list
}

// maxOvertaken is how many may stand behind one that comes to the list late: some begin
// at the same time on other processors. One that came to its Timeout long after it began,
// as behind the upload of a body, has a timer of its own.
const maxOvertaken = 16

// add has r.expire called at e.at, once, on a goroutine of its own, unless remove comes
// first. The list has no request of a testing/synctest bubble: its timer would be of the
// first bubble, and tell nobody in the next.
func (l *Limit) add(e *limited) {
	if work.IsBubbles(e.r.start) || !l.list(e) {
		e.alone()
	}
}

// alone gives e a timer of its own.
func (e *limited) alone() { e.timer = time.AfterFunc(e.at-work.Now(), e.r.expire) }

// list puts e into the list, if that is where it belongs. The first request of a Limit does
// not: a Timeout may be made for one request, and the timer of the list is not stopped.
func (l *Limit) list(e *limited) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.shared {
		l.shared = true
		return false
	}
	before := l.last
	for n := 0; before != nil && before.at > e.at; n++ {
		if n == maxOvertaken {
			return false
		}
		before = before.prev
	}
	l.linkLocked(e, before)
	if l.fires == 0 || e.at < l.fires {
		l.setLocked(e.at)
	}
	return true
}

// remove takes back what add has done. The timer of the list stays as it is: one that
// fires for nobody costs less than to set it for each request.
func (l *Limit) remove(e *limited) {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.listed {
		l.unlinkLocked(e)
	}
}

// fire is called by the timer of the list.
func (l *Limit) fire() {
	over := l.take()
	for i, r := range over {
		if i < len(over)-1 {
			work.Go(r.expire, func() {})
		} else {
			r.expire()
		}
	}
}

// take takes those out of the list whose time is up, and sets the timer for the next.
func (l *Limit) take() (over []*Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for now := work.Now(); l.first != nil && l.first.at <= now; {
		over = append(over, l.first.r)
		l.unlinkLocked(l.first)
	}
	if l.fires = 0; l.first != nil {
		l.setLocked(l.first.at)
	}
	return over
}

func (l *Limit) setLocked(at time.Duration) {
	l.fires = at
	if wait := at - work.Now(); l.timer == nil {
		l.timer = time.AfterFunc(wait, l.fire)
	} else {
		l.timer.Reset(wait)
	}
}

// linkLocked puts e into the list, behind before; nil: as the first.
func (l *Limit) linkLocked(e, before *limited) {
	e.listed, e.prev = true, before
	if before != nil {
		e.next, before.next = before.next, e
	} else {
		e.next, l.first = l.first, e
	}
	if e.next != nil {
		e.next.prev = e
	} else {
		l.last = e
	}
}

func (l *Limit) unlinkLocked(e *limited) {
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		l.last = e.prev
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.first = e.next
	}
	e.listed, e.prev, e.next = false, nil, nil
}
