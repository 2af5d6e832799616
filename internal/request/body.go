package request

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/gate"
	"github.com/lastbyte-go/lastbyte/internal/peer"
	"github.com/lastbyte-go/lastbyte/internal/verdict"
)

// body stands in front of the request body of the copy that a handler gets.
// net/http knows its own request's body by its type, so that one stays as it is.
type body struct {
	req      *Request
	gate     gate.Gate
	turn     conn.Turn     // on the connection, see Request.lease; of the request's own body alone
	from, to *http.Request // the request handed to lastbyte, and its copy
}

// send makes *to the copy, with ctx, that is sent down to the handler. The copy
// that it makes on the way is not to stay on the stack of a goroutine that waits.
//
//go:noinline
func (b *body) send(to *http.Request, ctx context.Context) {
	*to = *b.from.WithContext(ctx)
	if to.Body != nil && to.Body != http.NoBody {
		to.Body = b
	}
	b.to = to
}

func (b *body) Read(p []byte) (int, error) {
	if !b.gate.Enter() {
		return 0, errBodyEnded
	}
	n, err := b.read(p)
	if b.req.noted(recheckAfterCall) {
		b.req.look() // outside the gate, where it is seen that the read is over
	}
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	defer b.gate.Leave(b.req)
	n, err := b.from.Body.Read(p)
	switch err {
	case nil:
	case io.EOF:
		b.req.note(bodyRead)
		b.to.Trailer = b.from.Trailer // net/http sets those of its own request
	default:
		err = b.req.readFailed(err)
	}
	return n, err
}

func (b *body) Close() error {
	if !b.gate.Enter() {
		return nil
	}
	defer b.gate.Leave(b.req)
	return b.from.Body.Close()
}

// readFailed judges the error of a body read. A client that left in the middle
// of its request is an abort; the error keeps what net/http said.
func (r *Request) readFailed(err error) error {
	if timedOut(err) {
		if r.http1() { // on HTTP/2 the stream lives on
			r.note(deadlinePassed)
		}
		return err
	}
	if errors.Is(err, http.ErrBodyReadAfterClose) || r.check() == nil {
		return err
	}
	// On HTTP/1 the request body and the connection end together.
	truncated := errors.Is(err, io.ErrUnexpectedEOF) && r.http1()
	if !truncated && !verdict.Suspicious(err) && !r.mayHaveLeft() {
		return err // a malformed body, say
	}
	if !r.judge(verdict.BodyTruncated, err) {
		return err
	}
	return &abortedRead{err, r.abortError()}
}

// abortedRead reads as what net/http said, and Is the abort and, on HTTP/2 as
// on HTTP/1, io.ErrUnexpectedEOF.
type abortedRead struct{ err, abort error }

func (e *abortedRead) Error() string { return e.err.Error() }
func (e *abortedRead) Unwrap() []error {
	return []error{e.err, e.abort, io.ErrUnexpectedEOF}
}

// timedOut finds a deadline that passed. The system's ETIMEDOUT says Timeout as
// well, but there it is the peer that is gone.
func timedOut(err error) bool {
	if peer.IsReset(err) {
		return false
	}
	var t interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// reading reports whether a read of the request body is under way.
func (r *Request) reading() bool {
	d := r.det.Load()
	return r.body.gate.Busy() || d != nil && d.body.gate.Busy()
}
