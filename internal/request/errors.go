package request

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
)

// The errors that several packages name; one value each, whichever names them.
var (
	ErrEnded         = errors.New("lastbyte: the response is complete")
	ErrExited        = errors.New("lastbyte: the request has exited")
	ErrClientAborted = errors.New("lastbyte: client aborted the request")
	ErrNoRequest     = errors.New("lastbyte: no lastbyte middleware around this handler")
	ErrNilFunc       = errors.New("lastbyte: nil function")
	ErrHeaderSent    = errors.New("exitcode: the header is already sent")
	ErrNotDetached   = errors.New("eof: no Detach around this handler")
	ErrShortBody     = errors.New("eof: fewer bytes written than the declared Content-Length")
	ErrDuplicate     = errors.New("abort: a callback is registered already")
	ErrCheckOff      = errors.New("abort: the check is off for this request")
)

// errBodyEnded is what a read of the request body gives after the end.
var errBodyEnded = fmt.Errorf("%w: %w", ErrEnded, http.ErrBodyReadAfterClose)

// errInFilter is given by Send while a HeaderFilter runs, in the middle of the
// write that Send would have to wait for: it may be the filter that calls.
var errInFilter = errors.New("eof: a HeaderFilter runs")

// refusal is the error of a call that comes after the ending.
func (r *Request) refusal() error {
	switch r.winner() {
	case lifecycle.Exited:
		return ErrExited
	case lifecycle.Aborted:
		if err := r.abortError(); err != nil {
			return err
		}
	}
	return ErrEnded
}

// abortError is the *abort.Error of a client that left, nil before.
func (r *Request) abortError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare == nil {
		return nil
	}
	return r.rare.abort
}
