package request

import "github.com/lastbyte-go/lastbyte/internal/work"

// hijackedWork is the handler of a hijacked connection, as a shutdown sees it.
// net/http forgets such a connection, so http.Server.Shutdown does not wait for it.
type hijackedWork struct {
	r     *Request
	owner work.Owner
	entry work.Entry
}

// trackHijacked has the owner wait for the handler, which has just hijacked its
// connection, until the request ends. The caller is inside the writer's gate, and
// end closes that gate first: so the owner hears of the end after this.
func (r *Request) trackHijacked() {
	o := r.Owner()
	if o == nil {
		return
	}
	h := &hijackedWork{r: r, owner: o}
	r.mu.Lock()
	x := r.rareLocked()
	again := x.tracked != nil // only a writer of an unknown kind allows that
	if !again {
		x.tracked = h
	}
	r.mu.Unlock()
	if !again {
		o.Track(h, true)
	}
}

// trackedLocked is what trackHijacked has made, nil if nothing.
func (r *Request) trackedLocked() *hijackedWork {
	if r.rare == nil {
		return nil
	}
	return r.rare.tracked
}

// end says that the request has ended; h may be nil.
func (h *hijackedWork) end() {
	if h != nil {
		h.owner.Untrack(h)
	}
}

// Entry is for the owner, see Work.
func (h *hijackedWork) Entry() *work.Entry { return &h.entry }

// Cancel gives the handler up, see Work.
func (h *hijackedWork) Cancel(err, cause error) { h.r.cancel(err, cause) }
