package request

import (
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// hold keeps the request from ending until release. It fails once the last
// goroutine of the request is gone.
func (r *Request) hold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hasAny(lifecycle.Drained) {
		return false
	}
	r.goroutines++
	return true
}

// alone reports whether no goroutine of the request is at work.
func (r *Request) alone() bool {
	if r.hasAny(lifecycle.Drained) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.goroutines == 0
}

func (r *Request) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.goroutines--; r.goroutines == 0 {
		if x := r.madeLocked(); x != nil {
			x.idle.Broadcast()
		}
	}
}

// goLocked runs f on a goroutine that the end of the request waits for.
func (r *Request) goLocked(f func()) {
	r.goroutines++
	work.Go(func() { usercall.Managed(f) }, r.release)
}
