package request

import (
	"context"
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/scope"
	"github.com/lastbyte-go/lastbyte/internal/usercall"
)

// Page is a setting of the pages of exits.
type Page struct {
	Write func(w http.ResponseWriter, r *http.Request, code int) // nil: the Text of the exit
}

type pageSetting struct {
	page *Page
	req  *http.Request
}

// Exit is an exit. Requests may share one: it is not changed.
type Exit struct {
	Code  int
	Cause error  // as the context gives it
	Text  string // the page, as text, where no setting names another
	ends  *node.End
}

// Shared gives an Exit for any number of requests, with the end of their contexts.
func Shared(code int, cause error, text string) *Exit {
	return &Exit{code, cause, text, node.NewEnd(context.Canceled, cause)}
}

// end is how e ends the contexts of a request.
func (e *Exit) end() *node.End {
	if e.ends != nil {
		return e.ends
	}
	return node.NewEnd(context.Canceled, e.Cause)
}

// Exit ends the request with e, see exitcode.Exit; ctx is the caller's.
func (r *Request) Exit(ctx context.Context, e *Exit) error {
	return r.exitAs(ctx, e, byCall)
}

// exitBy is who exits: a caller of Exit, a HeaderFilter, or a Throw on the handler's
// own goroutine, which leaves the handler.
type exitBy uint8

const (
	byCall exitBy = iota
	byFilter
	byThrow
)

// exitAs is Exit.
func (r *Request) exitAs(ctx context.Context, e *Exit, by exitBy) error {
	if scope.KindOf(ctx) == scope.Task {
		return ErrEnded
	}
	result := r.exitMove(e, by == byFilter)
	if result.Won() || r.winner() == lifecycle.Sent {
		r.cancelAs(e.end(), e.Cause)
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
		if scope.KindOf(ctx) == scope.Beside {
			r.wake()
		} // else the page is for the handler's next write, or its return
	case lifecycle.ExitAgrees:
		if by != byThrow {
			r.wake()
		} // else the handler is about to return, and has something to hand over
	case lifecycle.ExitStands:
		if scope.KindOf(ctx) == scope.Beside || r.hasAny(lifecycle.Hijacked) {
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
		r.wonLocked(e, top).open = next.HasAny(lifecycle.Stands) && top.codedLocked()
	}
	return result
}

// wonLocked notes that e is the ending; top is the writer of the innermost layer.
func (r *Request) wonLocked(e *Exit, top *Writer) *rare {
	if r.rare == nil {
		one := new(struct { // one allocation
			rare
			parts pageParts
		})
		r.rare, one.rare.parts = &one.rare, &one.parts
	}
	x := r.rare
	x.exit, x.last = e, top
	if m := x.extra; m != nil {
		m.idle.Broadcast() // drain may wait for a thread that reads the body
	}
	return x
}

// Throw is Exit with e, or nothing if e is nil; and it notes that the caller is
// about to panic with http.ErrAbortHandler. That value has to be net/http's own,
// since recoverers let it pass that compare it: so what tells a Throw from a
// handler that aborts is the note.
func (r *Request) Throw(ctx context.Context, e *Exit) {
	k := scope.KindOf(ctx)
	if k == scope.OnHandler && usercall.IsManaged() {
		k = scope.Beside // what the handler panics with meanwhile is not this Throw
	}
	if e != nil {
		by := byCall
		if k == scope.OnHandler {
			by = byThrow
		}
		_ = r.exitAs(ctx, e, by) // there is no caller to hear of it
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.extraLocked().throws[k]
	t.n++
	t.exit = e
}
