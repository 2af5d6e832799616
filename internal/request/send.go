package request

import (
	"context"
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/scope"
)

// Send ends the response, see eof.Send.
func (r *Request) Send(ctx context.Context) error {
	if scope.IsTask(ctx) {
		return ErrEnded
	}
	r.node.poll()
	d, err := r.sendMove()
	if err != nil {
		if err == ErrNotDetached {
			r.logNotDetached(ctx)
		}
		return err
	}
	defer d.wakeSent(ctx) // deferred: a HeaderFilter may panic
	d.node.Unhook()
	d.closeGates()
	return d.complete()
}

// wakeSent is wakeAfter for Send; ctx is its caller's.
func (d *Detached) wakeSent(ctx context.Context) { d.wakeAfter(false, false, d.about(ctx)) }

// logNotDetached and shortBody are apart, since what most calls do not need would take space
// on the stack of all.

func (r *Request) logNotDetached(ctx context.Context) {
	r.Log(ctx, "lastbyte: eof.Send: "+ErrNotDetached.Error())
}

// sendMove makes Send the request's ending, see [lifecycle.State.Send].
func (r *Request) sendMove() (*Detached, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.det.Load()
	next, result := r.state.Load().Send(d != nil)
	r.state.Store(next)
	switch result {
	case lifecycle.SendAfterExit:
		return nil, ErrExited
	case lifecycle.SendAfterAbort:
		return nil, r.rare.abort
	case lifecycle.SendLate:
		return nil, ErrEnded
	case lifecycle.SendAttached:
		return nil, ErrNotDetached
	case lifecycle.SendHijacked:
		return nil, http.ErrHijacked
	case lifecycle.SendInFilter:
		return nil, errInFilter
	}
	d.eof = max(r.Age(), 1) // 0: no Send
	return d, nil
}

// complete gives the writer below all that is left to give. The gate is shut
// and the serving goroutine asleep: nobody else touches the writer.
func (d *Detached) complete() error {
	w := d.w.wrapped
	d.handOverHeaders()
	d.req.respondBeforeBody()
	if !d.begun() {
		d.unsaid = true
		d.begin(http.StatusOK)
		w.WriteHeader(http.StatusOK) // so that no outer handler can choose another
		if d.req.winner() == lifecycle.Exited {
			return ErrExited // by a HeaderFilter
		}
	}
	if missing := d.declared - 1 - d.written.Load(); d.declared > 0 && missing > 0 {
		d.truncated.Store(true)
		return shortBody(missing, d.declared-1)
	}
	return nil
}

func shortBody(missing, of int64) error {
	return fmt.Errorf("%w: %d of %d bytes are missing", ErrShortBody, missing, of)
}
