package request

import (
	"net/http"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/conn"
	"github.com/lastbyte-go/lastbyte/internal/lifecycle"
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
	"github.com/lastbyte-go/lastbyte/internal/verdict"
)

// verdict asks who left, see internal/verdict. The response of a request that net/http
// is through with is out: no client can leave it, and the connection is another's.
func (r *Request) verdict(reason string, err error) (string, verdict.Party) {
	if r.overtaken() {
		return "", verdict.Server
	}
	return verdict.Judge(facts{r, r.conn()}, verdict.Word{Reason: reason, Err: err})
}

// facts answers the questions of a verdict about r.
type facts struct {
	r *Request
	c *conn.Conn // nil: abort.ConnContext is not installed
}

var _ verdict.Case = facts{}

func (f facts) HTTP1() bool            { return f.r.http1() }
func (f facts) HTTP3() bool            { return f.r.http3() }
func (f facts) Hijacked() bool         { return f.r.hasAny(lifecycle.Hijacked) }
func (f facts) BodyUnread() bool       { return f.r.bodyUnread() }
func (f facts) ReadTimedOut() bool     { return f.r.noted(deadlinePassed) }
func (f facts) ParentEndedEarly() bool { return f.r.noted(parentEndedEarly) }
func (f facts) Writing() bool          { return f.r.w.gate.Busy() }
func (f facts) BaseEnded() bool        { return f.c != nil && f.c.Err() != nil }

// ClosedHere: behind an http.TimeoutHandler that returned because the client left,
// net/http closes the connection as it does after any response. That proves nothing;
// it does where net/http waits for this request.
func (f facts) ClosedHere() bool {
	if f.c == nil || f.r.hasAny(lifecycle.Hijacked) || f.r.outlivedNow() || !f.r.w.gate.Enter() {
		return false
	}
	own := f.r.w.ownHTTP1()
	f.r.w.gate.Leave(f.r)
	if !own {
		return false
	}
	return f.r.lease().ClosedHere()
}

func (f facts) Hooked() bool { return f.c != nil && f.c.Hooked() }

func (f facts) LeftFirst() peer.State { return f.c.LeftFirst() }
func (f facts) ShuttingDown() bool {
	return f.c != nil && f.c.ShuttingDown()
}
func (f facts) BeganToClose() bool   { return f.c.BeganToClose() }
func (f facts) DeadlinePassed() bool { return f.r.pastDeadline() }
func (f facts) DrainTimedOut() bool {
	return f.r.http1() && f.r.bodyUnread() && f.r.readTimeoutPassed()
}

// WriteTimedOut: net/http ends the context, and says nothing to the handler, when
// it cannot write what it has held back. Where no socket can be asked, a deadline
// for writing that has passed is reason enough not to blame the client.
func (f facts) WriteTimedOut() bool {
	return f.r.noted(writeTimedOut) || f.r.http1() && f.Peer() == peer.Unknown && f.r.writeOverdue()
}

func (f facts) IsTLS() bool { return f.c != nil && f.c.IsTLS() }

func (f facts) ReaderEnded() bool { return f.c != nil && f.c.ReaderEnded() }
func (f facts) MarkReaderEnded() {
	if f.c != nil {
		f.c.MarkReaderEnded()
	}
}

func (f facts) Peer() peer.State {
	if f.c == nil {
		return peer.Unknown
	}
	return f.c.Peer()
}

// Closing: what was hijacked is closed by the handler, whose doing is no answer
// to anything.
func (f facts) Closing() bool {
	return f.c != nil && !f.r.hasAny(lifecycle.Hijacked) && f.c.Closing()
}

func (f facts) IgnoreHalfClose() bool {
	check := f.r.check()
	return check != nil && check.IgnoreHalfClose && f.r.http1()
}

// Calling: the call may be what has ended the outer context; then its error says
// more, a timeout for instance. The first look may come before the end of the
// call, and the mark after it; the second look sees that.
func (f facts) Calling() bool {
	r := f.r
	busy := func() bool { return r.reading() || r.hasAny(lifecycle.Committed) && r.w.gate.Busy() }
	if !busy() {
		return false
	}
	r.note(recheckAfterCall)
	return busy()
}

// Answered: to HEAD, and with 204 and 304, there is nothing behind the header.
// The HTTP/2 server ends the stream of the one with it, and a client takes the
// others for complete and may reset the stream. The header is out with a Flush,
// or once more was written than the server holds back.
func (f facts) Answered() bool {
	r := f.r
	if !r.hasAny(lifecycle.Committed) || !r.noted(flushed) && (r.http3() || r.size.Load() < 2*nethttp.BufferSize) {
		return false
	}
	r.mu.Lock()
	status := r.w.status
	r.mu.Unlock()
	return r.in.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}

// StoppedListening: net/http says so to CloseNotify, where a handler can take it
// away, a moment after it has ended the context: wait is to give it that moment.
// Behind a writer of another kind nobody knows.
func (f facts) StoppedListening(wait bool) bool {
	heard, known := f.r.heard(wait)
	return heard || !known
}

// Heard: it is asked where the context had ended before the request began. Then
// there is no moment between its end and net/http's word to wait for.
func (f facts) Heard() bool {
	heard, known := f.r.heard(false)
	return heard && known
}

// QUIC: the connection's context may end a moment after the request's.
func (f facts) QUIC() (end nethttp.QUICEnd) {
	for pause := 100 * time.Microsecond; ; pause *= 2 {
		if end = nethttp.EndOfQUIC(f.r.node.Parent()); end != nethttp.NotQUIC || pause > 10*time.Millisecond {
			return end
		}
		time.Sleep(pause)
	}
}

func (r *Request) heard(wait bool) (heard, known bool) {
	for pause := 100 * time.Microsecond; ; pause *= 2 {
		if !r.w.gate.Enter() {
			return false, true
		}
		heard, known = nethttp.Notified(r.w.wrapped)
		heard = heard || known && r.noted(closeNotifyTaken)
		r.w.gate.Leave(r)
		if heard || !known || !wait || pause > 40*time.Millisecond {
			return heard, known
		}
		time.Sleep(pause)
	}
}

// Watch: where the check is off nobody wants to know of the client.
func (f facts) Watch() bool {
	if f.c == nil {
		return false
	}
	if f.r.check() == nil {
		return true
	}
	f.r.node.followPeer()
	return f.r.node.PeerFollowed()
}

// reading reports whether a read of the request body is under way.
func (r *Request) reading() bool {
	d := r.det.Load()
	return r.body.gate.Busy() || d != nil && d.body.gate.Busy()
}

// Unread: a handler that is back reads no more.
func (f facts) Unread() bool {
	return f.c != nil && f.r.hasAny(lifecycle.Hijacked) && !f.r.hasAny(lifecycle.HandlerReturned) && f.c.Unread()
}
