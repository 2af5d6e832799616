package request

import (
	"context"
	"fmt"
	"net/http"
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
	if won || r.winner() == sent {
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
		if err == errStands || kindOf(ctx) == foreign || r.is(hijacked) {
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
	if w := s & winnerMask; filter && (w == returned || w == sent) && s&(committed|ended) == 0 {
		s &^= winnerMask
		r.state.Store(s)
	}
	switch w := s & winnerMask; {
	case w == exited:
		return false, ErrExited
	case w == aborted && (r.rare.exit == nil):
		r.rare.exit = e // recorded, never acted on
		return false, ErrEnded
	case !r.decideLocked(exited):
		return false, ErrEnded
	}
	x := r.rareLocked()
	x.exit, x.last = e, top
	x.idle.Broadcast() // drain may wait for a thread that reads the body
	if Drops(e.Code) {
		r.markLocked(dropping)
		return true, nil
	}
	said := top.saidLocked()
	switch {
	case s&hijacked != 0 && e.Code < 300, said != 0 && !filter && (e.Code < 300 || e.Code == said):
		err = errStands
	case s&(committed|hijacked) != 0:
		err = ErrHeaderSent
	default:
		return true, nil
	}
	r.markLocked(stands)
	x.open = top.codedLocked()
	return true, err
}

// saidLocked is the status that the handler inside w has said, 0 before.
func (w *Writer) saidLocked() int {
	if w.lay != nil || w.req.is(committed) {
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
	return w.req.is(coded)
}

// respond does what the ending asks for, on the serving goroutine, when nobody
// else writes.
func (r *Request) respond(panicked bool) (stop bool) {
	s := r.state.Load()
	if s&hijacked != 0 {
		return false
	}
	if r.overtaken() {
		r.recordOvertaken()
		return false
	}
	switch s & winnerMask {
	case exited:
		e := r.exit()
		switch {
		case Drops(e.Code):
			return r.drop(e.Code)
		case s&stands == 0:
			r.render(panicked)
			return !panicked && r.failClosed()
		}
	case aborted:
		return r.drop(clientClosed)
	}
	if panicked {
		return false
	}
	if s&(committed|special) == special && s&unfiltered == 0 {
		if r.w.begin() != nil {
			return r.respond(false) // a HeaderFilter exited
		}
		r.w.gate.Leave(r)
	}
	if s&(committed|unfiltered) == unfiltered {
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
	case r.is(committed):
	case w == exited:
		r.w.status = int16(max(e.Code, 0))
	case w == aborted:
		r.w.status = clientClosed
	default:
		r.w.status = http.StatusOK
	}
}

// failClosed drops a response that a HeaderFilter has not seen, since it panicked
// and somebody has recovered that, or under Send nobody could pass it on.
func (r *Request) failClosed() (stop bool) {
	if s := r.state.Load(); s&(committed|unfiltered) != unfiltered {
		return false
	}
	return r.drop(http.StatusInternalServerError)
}

// implicit notes the 200 that net/http sends for a handler that said nothing.
func (r *Request) implicit() {
	if r.is(committed) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.is(committed) {
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
