package request

import (
	"context"
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// PageFunc writes the page of an exit.
type PageFunc func(w http.ResponseWriter, r *http.Request, code int)

type pageSetting struct {
	write PageFunc
	req   *http.Request
}

// FilterFunc is a HeaderFilter's function; 0 lets the response pass.
type FilterFunc func(r *http.Request, status int, h http.Header) *Exit

type filter struct {
	f   FilterFunc
	req *http.Request
}

// Exit is an exit: its code, its cause as the context gives it, and the page if
// no setting names another.
type Exit struct {
	Code  int
	Cause error
	Page  PageFunc
}

// Drops reports whether code drops the connection.
func Drops(code int) bool { return lifecycle.ClassOf(code) == lifecycle.Drop }

// Exit ends the request with e, see exitcode.Exit; ctx is the caller's.
func (r *Request) Exit(ctx context.Context, e *Exit) error {
	if kindOf(ctx) == task {
		return ErrEnded
	}
	return r.exitAs(ctx, e, false)
}

// exitAs is Exit. filter: e is a HeaderFilter's.
func (r *Request) exitAs(ctx context.Context, e *Exit, filter bool) error {
	result := r.exitMove(e, filter)
	if result.Won() || r.winner() == lifecycle.Sent {
		r.cancel(context.Canceled, e.Cause)
	}
	switch result {
	case lifecycle.ExitSecond:
		return ErrExited
	case lifecycle.ExitLate, lifecycle.ExitNoted:
		return ErrEnded
	case lifecycle.ExitDrops:
		r.dropNow()
		r.wake()
	case lifecycle.ExitPage:
		if kindOf(ctx) == beside {
			r.wake()
		} // else the page is for the handler's next write, or its return
	case lifecycle.ExitAgrees:
		r.wake()
	case lifecycle.ExitStands:
		if kindOf(ctx) == beside || r.hasAny(lifecycle.Hijacked) {
			r.wake()
		} // else the handler may be about to say that the body is not whole: see finish
		r.Log(ctx, fmt.Sprintf("lastbyte: exit with status %d after the header with status %d was sent", e.Code, r.Status()))
		return ErrHeaderSent
	}
	return nil
}

// exitMove makes e the request's ending, see [lifecycle.State.Exit].
func (r *Request) exitMove(e *Exit, filter bool) lifecycle.ExitResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	var (
		next     lifecycle.State
		result   lifecycle.ExitResult
		s, top   = r.state.Load(), r.topLocked()
		recorded = r.rare != nil && r.rare.exit != nil
	)
	if filter {
		top = &r.w
		next, result = s.ExitByFilter(e.Code, recorded)
	} else {
		next, result = s.Exit(e.Code, top.saidLocked(), recorded)
	}
	r.state.Store(next)
	if result == lifecycle.ExitNoted {
		r.rareLocked().exit = e
	}
	if result.Won() {
		x := r.rareLocked()
		x.exit, x.last = e, top
		x.open = next.HasAny(lifecycle.Stands) && top.codedLocked()
		x.idle.Broadcast() // drain may wait for a thread that reads the body
	}
	return result
}

// saidLocked is the status that the handler inside w has said, 0 before.
func (w *Writer) saidLocked() int {
	if w.layer() != nil || w.front.begun() {
		return int(w.status)
	}
	return 0
}

// codedLocked reports whether a Content-Encoding was set inside w: a coder there
// may hold the end of the response.
func (w *Writer) codedLocked() bool {
	if l := w.layer(); l != nil {
		return l.coded
	}
	return w.front.request().hasAny(lifecycle.Coded)
}

// respond does what the ending asks for, on the serving goroutine, when nobody
// else writes.
func (r *Request) respond(panicked bool) (stop bool) {
	s := r.state.Load()
	if s&lifecycle.Hijacked != 0 {
		return false
	}
	if r.overtaken() {
		r.recordOvertaken()
		return false
	}
	switch s.Winner() {
	case lifecycle.Exited:
		e := r.exit()
		switch {
		case Drops(e.Code):
			return r.drop(e.Code)
		case s&lifecycle.Stands == 0:
			r.render(panicked)
			return !panicked && r.failClosed()
		}
	case lifecycle.Aborted:
		return r.drop(lifecycle.ClientClosed)
	}
	if panicked {
		return false
	}
	if s&(lifecycle.Committed|lifecycle.HasFilters) == lifecycle.HasFilters && s&lifecycle.Unfiltered == 0 {
		if r.w.begin(0) != nil {
			return r.respond(false) // a HeaderFilter exited
		}
		r.w.gate.Leave(r)
	}
	if s&(lifecycle.Committed|lifecycle.Unfiltered) == lifecycle.Unfiltered {
		return r.failClosed()
	}
	r.implicit()
	return r.cutShort()
}

// recordOvertaken notes the status of a request whose response is out, without it.
func (r *Request) recordOvertaken() {
	e := r.exit()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch w := r.winner(); {
	case r.hasAny(lifecycle.Committed):
	case w == lifecycle.Exited:
		r.w.status = int16(max(e.Code, 0))
	case w == lifecycle.Aborted:
		r.w.status = lifecycle.ClientClosed
	default:
		r.w.status = http.StatusOK
	}
}

// failClosed drops a response that a HeaderFilter has not seen, since it panicked
// and somebody has recovered that, or under Send nobody could pass it on.
func (r *Request) failClosed() (stop bool) {
	if s := r.state.Load(); s&(lifecycle.Committed|lifecycle.Unfiltered) != lifecycle.Unfiltered {
		return false
	}
	return r.drop(http.StatusInternalServerError)
}

// implicit notes the 200 that net/http sends for a handler that said nothing.
func (r *Request) implicit() {
	if r.hasAny(lifecycle.Committed) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.hasAny(lifecycle.Committed) {
		r.w.status = http.StatusOK
	}
}

func (r *Request) exit() *Exit {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare == nil {
		return nil
	}
	return r.rare.exit
}
