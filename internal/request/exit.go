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
func Drops(code int) bool { return code == -1 || code == 408 || code == 444 || code == 499 }

// Exit ends the request with e, see exitcode.Exit; ctx is the caller's.
func (r *Request) Exit(ctx context.Context, e *Exit) error {
	if kindOf(ctx) == task {
		return ErrEnded
	}
	return r.exitAs(ctx, e, false)
}

func (r *Request) exitAs(ctx context.Context, e *Exit, filter bool) error {
	won, err := r.exitMove(e, filter)
	if won || r.winner() == lifecycle.Sent {
		r.cancel(context.Canceled, e.Cause)
	}
	if !won {
		return err
	}
	switch {
	case Drops(e.Code):
		r.dropNow()
		r.wake()
	case err != nil: // the header is sent, the response ends as it stands
		if err == errStands || kindOf(ctx) == foreign || r.hasAny(lifecycle.Hijacked) {
			r.wake()
		} // else the handler may be about to say that the body is not whole: see finish
		if err == ErrHeaderSent {
			r.Log(ctx, fmt.Sprintf("lastbyte: exit with status %d after the header with status %d was sent", e.Code, r.Status()))
		}
	case kindOf(ctx) == foreign:
		r.wake()
	}
	if err == errStands {
		return nil
	}
	return err
}

// errStands: the exit won, and the header that is sent is in its favour.
var errStands = fmt.Errorf("%w: and stands", ErrHeaderSent)

// exitMove makes e the request's ending. The error of a move that won says that
// the header is sent already. filter: e is a HeaderFilter's, whose response
// takes the place of the one that it was shown, also where that has been decided.
func (r *Request) exitMove(e *Exit, filter bool) (won bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Load()
	top := r.topLocked()
	if filter {
		top = &r.w
	}
	if w := s.Winner(); filter && (w == lifecycle.Returned || w == lifecycle.Sent) && s&(lifecycle.Committed|lifecycle.Ended) == 0 {
		s &^= s.Winner()
		r.state.Store(s)
	}
	switch w := s.Winner(); {
	case w == lifecycle.Exited:
		return false, ErrExited
	case w == lifecycle.Aborted && (r.rare.exit == nil):
		r.rare.exit = e // recorded, never acted on
		return false, ErrEnded
	case !r.decideLocked(lifecycle.Exited):
		return false, ErrEnded
	}
	x := r.rareLocked()
	x.exit, x.last = e, top
	x.idle.Broadcast() // drain may wait for a thread that reads the body
	if Drops(e.Code) {
		r.markLocked(lifecycle.Dropping)
		return true, nil
	}
	said := top.saidLocked()
	switch {
	case s&lifecycle.Hijacked != 0 && e.Code < 300, said != 0 && !filter && (e.Code < 300 || e.Code == said):
		err = errStands
	case s&(lifecycle.Committed|lifecycle.Hijacked) != 0:
		err = ErrHeaderSent
	default:
		return true, nil
	}
	r.markLocked(lifecycle.Stands)
	x.open = top.codedLocked()
	return true, err
}

// saidLocked is the status that the handler inside w has said, 0 before.
func (w *Writer) saidLocked() int {
	if w.lay != nil || w.req.hasAny(lifecycle.Committed) {
		return int(w.status)
	}
	return 0
}

// codedLocked reports whether a Content-Encoding was set inside w: a coder there
// may hold the end of the response.
func (w *Writer) codedLocked() bool {
	if w.lay != nil {
		return w.lay.coded
	}
	return w.req.hasAny(lifecycle.Coded)
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
		return r.drop(clientClosed)
	}
	if panicked {
		return false
	}
	if s&(lifecycle.Committed|lifecycle.HasFilters) == lifecycle.HasFilters && s&lifecycle.Unfiltered == 0 {
		if r.w.begin() != nil {
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
		r.w.status = clientClosed
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
