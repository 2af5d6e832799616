package request

import (
	"context"

	"github.com/lastbyte-go/lastbyte/internal/route"
	"github.com/lastbyte-go/lastbyte/internal/work"
)

// hijackedWork is the handler of a hijacked connection, as a shutdown sees it.
// net/http forgets such a connection, so http.Server.Shutdown does not wait for it.
type hijackedWork struct {
	r     *Request
	owner work.Owner
	known work.Handler
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
	h := &hijackedWork{r: r, owner: o, known: work.Handler{About: r.about()}}
	r.mu.Lock()
	x := r.extraLocked()
	again := x.tracked != nil // only a writer of an unknown kind allows that
	if !again {
		x.tracked = h
	}
	r.mu.Unlock()
	if !again {
		o.Track(h, &h.known)
	}
}

// about says which request the handler that has just hijacked its connection serves:
// the routers have called it, so that none is at work with the route.
func (r *Request) about() work.About {
	a := work.About{Method: r.in.Method, Since: r.start}
	ctx, out := r.node.Parent(), r.out
	if d := r.det.Load(); d != nil {
		ctx, out = context.Context(&d.node), d.out
	}
	if out != nil {
		a.Route = route.Known(ctx, out)
	}
	return a
}

// trackedLocked is what trackHijacked has made, nil if nothing.
func (r *Request) trackedLocked() *hijackedWork {
	if x := r.madeLocked(); x != nil {
		return x.tracked
	}
	return nil
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
