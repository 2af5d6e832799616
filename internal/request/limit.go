package request

import (
	"time"

	"github.com/lastbyte-go/lastbyte/internal/work"
)

// Limit is how long a request may take until its response has ended, see
// exitcode.Timeout.
type Limit struct {
	After time.Duration // from the request's start; 0: as long as it likes
	Exit  func() *Exit  // makes the exit; it runs with Request.mu held, and is no function of the user's
}

// liftLimitLocked ends the limit. A timer that has fired finds none, or no request that
// is still undecided.
func (r *Request) liftLimitLocked() {
	if x := r.rare; x != nil && x.limit != nil {
		x.limit = nil
		x.timer.Stop()
	}
}

// deadline is when the request exits by its Limit, if it has one.
func (r *Request) deadline() (t time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare == nil || r.rare.limit == nil {
		return time.Time{}, false
	}
	return work.Date(r.start + r.rare.limit.After), true
}

// isDeadline reports whether t is that moment. The timer of the limit ends what Shield
// gave out, too.
func (r *Request) isDeadline(t time.Time) bool {
	own, ok := r.deadline()
	return ok && own.Equal(t)
}
