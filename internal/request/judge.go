package request

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/node"
	"github.com/lastbyte-go/lastbyte/internal/peer"
	"github.com/lastbyte-go/lastbyte/internal/verdict"
)

// Who meets what may be the end of the client asks here: net/http's context that
// has ended, the error of a call, the socket, somebody who wants to know. Each gets
// a verdict first (see internal/verdict), and the move to the abort, in abort.go, is
// made on a verdict against the client alone.

// outerEnded judges why the context around the outermost middleware ended.
// net/http cancels it with a bare context.Canceled when the client leaves, but
// also when the server closes or a deadline of the handler's passes.
func (r *Request) outerEnded() {
	if r.mayHaveLeft() {
		reason, by := r.verdict(verdict.Unverified, nil)
		switch {
		case r.hasAny(lifecycle.ClientGone): // asked after the verdict: a call that has just failed knew better
			return
		case by == verdict.Client:
			if check := r.check(); check != nil {
				r.abortMove(check, reason, nil, r.goLocked)
			}
			return
		case by == verdict.Undecided, by == verdict.Nobody:
			return
		}
	}
	r.node.Cancel(node.NewEnd(r.node.Parent().Err(), context.Cause(r.node.Parent())))
}

// judge decides on the evidence of one witness whether the client left. It
// reports whether an abort is recorded for the request, by whomever.
func (r *Request) judge(reason string, err error) bool {
	return r.judgeWith(reason, err, r.goLocked)
}

// judgeWith is judge with a goLocked for abortMove.
func (r *Request) judgeWith(reason string, err error, goLocked func(f func())) bool {
	if check := r.check(); check != nil {
		if reason, by := r.verdict(reason, err); by == verdict.Client {
			r.abortMove(check, reason, err, goLocked)
		}
	}
	return r.hasAny(lifecycle.ClientGone)
}

// Abort gives the *abort.Error of a client that left, after a look. err is what
// made the caller ask; nil: nothing.
func (r *Request) Abort(err error) (error, bool) {
	if r.check() == nil {
		return nil, false
	}
	if s := r.state.Load(); !s.HasAny(lifecycle.ClientGone) && !s.Decided() {
		r.node.poll()
		if !r.hasAny(lifecycle.ClientGone) {
			r.lookAtPeer() // who asks gets an answer, also where net/http waits for nothing
		}
		if !r.hasAny(lifecycle.ClientGone) && err != nil && !timedOut(err) {
			r.awaitFIN()
		}
	}
	if !r.hasAny(lifecycle.ClientGone) {
		return nil, false
	}
	return r.abortError(), true
}

// look asks the witnesses that answer without waiting.
func (r *Request) look() {
	r.node.poll()
	if !r.hasAny(lifecycle.ClientGone) && (r.hasAny(lifecycle.Hijacked) || r.bodyUnread()) {
		r.lookAtPeer()
	}
}

// lookAtPeer asks the socket alone.
func (r *Request) lookAtPeer() {
	c := r.conn()
	if c == nil || !r.http1() || r.overtaken() {
		return
	}
	switch c.Peer() {
	case peer.Closed:
		r.judge(verdict.Closed, nil)
	case peer.Reset:
		r.judge(verdict.Reset, nil)
	}
}

// awaitFIN gives the FIN a moment that follows a TLS client's close_notify. Who
// reads a hijacked connection has met the one; the socket shows the other alone.
func (r *Request) awaitFIN() {
	if !r.hasAny(lifecycle.Hijacked) {
		return
	}
	c := r.conn()
	if c == nil || !c.IsTLS() {
		return
	}
	for wait := 100 * time.Microsecond; wait < 10*time.Millisecond && c.Peer() == peer.Alive; wait *= 2 {
		time.Sleep(wait)
	}
	r.lookAtPeer()
}

// writeFailed judges the error of a write.
func (r *Request) writeFailed(err error) error {
	late := timedOut(err)
	if late && r.http1() {
		r.note(writeTimedOut)
		return err
	}
	if r.check() == nil || r.hasAny(lifecycle.Hijacked|lifecycle.Dropping) {
		return err
	}
	if !late && !verdict.Suspicious(err) && !r.mayHaveLeft() || errors.Is(err, http.ErrHandlerTimeout) {
		return err // http.ErrContentLength, an outer writer's own error
	}
	r.judge(verdict.WriteFailed, err)
	return err
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

// PeerGone is called by the watcher of sockets, which it must not hold up.
func (r *Request) PeerGone(s peer.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.hasAny(lifecycle.Drained):
	case s == peer.Closed && r.hasAny(lifecycle.Hijacked):
		r.lookLater(moment, !r.conn().Unread())
	default:
		r.goLocked(func() { r.peerGone(s) })
	}
}

// peerGone is the goroutine of PeerGone. It is one of the request's, and runs the
// callback itself: to start another takes time, and all wait for the callback.
func (r *Request) peerGone(s peer.State) {
	reason := verdict.Closed
	if s == peer.Reset {
		reason = verdict.Reset
	}
	callback := func() {}
	r.judgeWith(reason, nil, func(f func()) { callback = f })
	callback()
}

// moment is how long the handler of a hijacked connection has to handle the last bytes
// that it has read, before the client's end counts.
const moment = 10 * time.Millisecond

// lookLater judges a FIN on a hijacked connection. Nothing tells when the handler has
// read what came before it, so the receive queue is looked at from time to time, until
// it has been empty for a moment. empty says that it was so at the last look. Once the
// request has drained, hold fails: then all that is left of this is a timer, and the
// end of the handler has been judged by drain.
func (r *Request) lookLater(wait time.Duration, empty bool) {
	time.AfterFunc(wait, func() {
		if !r.hold() {
			return
		}
		defer r.release()
		switch {
		case r.hasAny(lifecycle.ClientGone|lifecycle.HandlerReturned) || r.winner() != lifecycle.Serving:
		case r.conn().Unread():
			r.lookLater(min(2*wait, 8*moment), false)
		case !empty:
			r.lookLater(moment, true)
		default:
			r.lookAtPeer()
		}
	})
}

// watchPeer has the request told when the peer goes, as long as that can be
// known, and reports whether it will be. It runs under the Node's mutex.
func (r *Request) watchPeer(c *conn.Conn) bool {
	switch {
	case r.check() == nil:
		return false
	case !r.http1():
		c.KeepWatched() // net/http's context tells of the stream's end, and the connection why
		return false
	}
	return r.lease().Watch(r)
}
