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

// verdict asks who left, see internal/verdict. When net/http has finished with the
// request, its response is out: no client can leave it any more, and the connection
// may be another request's.
func (r *Request) verdict(reason string, err error) (string, verdict.Party) {
	if r.overtaken() {
		return "", verdict.Server
	}
	return verdict.Judge(facts{r, r.conn()}, verdict.Word{Reason: reason, Err: err})
}

// facts answers the questions of a verdict about r.
type facts struct {
	r *Request
	c *conn.Conn // nil if abort.ConnContext is not installed
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

// ClosedHere is true only where net/http waits for this request. Behind an
// http.TimeoutHandler that has returned because the client left, net/http closes the
// connection as it does after any response, which proves nothing.
func (f facts) ClosedHere() bool {
	if f.c == nil || f.r.hasAny(lifecycle.Hijacked) || f.r.outlivedNow() || !f.r.w.gate.Enter() {
		return false
	}
	waits := f.r.w.ownHTTP1()
	f.r.w.gate.Leave(f.r)
	return waits && f.r.lease().ClosedHere()
}

// LeftFirst and BeganToClose are asked only if Hooked.
func (f facts) Hooked() bool          { return f.c != nil && f.c.Hooked() }
func (f facts) LeftFirst() peer.State { return f.c.LeftFirst() }
func (f facts) BeganToClose() bool    { return f.c.BeganToClose() }
func (f facts) ShuttingDown() bool    { return f.c != nil && f.c.ShuttingDown() }

// WritesGiveUp is false for a request that is younger than the time which that takes.
func (f facts) WritesGiveUp() bool {
	srv := f.r.server()
	return srv != nil && srv.HTTP2 != nil && srv.HTTP2.WriteByteTimeout > 0 && f.r.Age() >= srv.HTTP2.WriteByteTimeout
}

func (f facts) DeadlinePassed() bool { return f.r.pastDeadline() }
func (f facts) DrainTimedOut() bool {
	return f.r.http1() && f.r.bodyUnread() && f.r.readTimeoutPassed()
}

// WriteTimedOut is also true where no socket can be asked and a deadline for writing
// has passed: when net/http cannot write what it has held back, it ends the context
// and tells the handler nothing, so the client must not be blamed.
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

// Closing is false for a hijacked connection: its handler closes it, and what the
// client does then is no answer to net/http's close_notify.
func (f facts) Closing() bool {
	return f.c != nil && !f.r.hasAny(lifecycle.Hijacked) && f.c.Closing()
}

func (f facts) IgnoreHalfClose() bool {
	check := f.r.check()
	return check != nil && check.IgnoreHalfClose && f.r.http1()
}

// Calling has the verdict asked for again when the call is over: the call may be what
// has ended the outer context, and then its error says more, that of a timeout for
// instance. Who makes the call looks for the note after it has left the gate. If the
// call ends between the first look and the note, nobody sees the note; the second
// look finds that out.
func (f facts) Calling() bool {
	r := f.r
	busy := func() bool { return r.reading() || r.hasAny(lifecycle.Committed) && r.w.gate.Busy() }
	if !busy() {
		return false
	}
	r.note(recheckAfterCall)
	return busy()
}

// Answered is true once the header is out of a response that has no body: one to HEAD,
// a 204 or a 304. With the header of a response to HEAD the HTTP/2 server ends the
// stream; a client takes the others for complete, and may reset the stream. The header
// is out after a Flush, or once more was written than the server holds back.
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

// StoppedListening asks the channel of CloseNotify, to which net/http says that its
// reader has met an end, a moment after it has ended the context; wait is to give it
// that moment. A handler may have taken the word away. Behind a writer of another kind
// nobody knows, so it is possible.
func (f facts) StoppedListening(wait bool) bool {
	heard, known := f.r.heard(wait)
	return heard || !known
}

// Heard does not take what cannot be known for possible.
func (f facts) Heard(wait bool) bool {
	heard, known := f.r.heard(wait)
	return heard && known
}

// QUIC waits up to 13 ms, since the context of the connection may end a moment after
// that of the request.
func (f facts) QUIC() (end nethttp.QUICEnd) {
	for pause := 100 * time.Microsecond; ; pause *= 2 {
		if end = nethttp.EndOfQUIC(f.r.node.Parent()); end != nethttp.NotQUIC || pause > 10*time.Millisecond {
			return end
		}
		time.Sleep(pause)
	}
}

// heard reports whether net/http has said to CloseNotify that its reader met an end,
// and whether that can be known.
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

// Watch is true without a watch where the check is off: then nobody wants to know of
// the client.
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

// Unread is false once the handler has returned, since it reads no more then.
func (f facts) Unread() bool {
	return f.c != nil && f.r.hasAny(lifecycle.Hijacked) && !f.r.hasAny(lifecycle.HandlerReturned) && f.c.Unread()
}
