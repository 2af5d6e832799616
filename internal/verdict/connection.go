package verdict

import "github.com/lastbyte-go/lastbyte/internal/peer"

// Connection has the questions of the judge of HTTP/1.
type Connection interface {
	Shared

	IsTLS() bool
	BodyUnread() bool
	IgnoreHalfClose() bool
	Hijacked() bool
	Unread() bool // something that the client has sent on a hijacked connection

	// Closing reports whether this process has begun to close a connection that
	// speaks TLS. It must not be asked while a Write may be stuck. Writing: a Write
	// is under way.
	Closing() bool
	Writing() bool

	// ClosedHere reports whether a connection whose socket nobody knows may have
	// been closed by this process.
	ClosedHere() bool

	// ReadTimedOut reports whether a read has met a deadline. WriteTimedOut: a Write
	// has, after which nothing more can be written.
	ReadTimedOut() bool
	WriteTimedOut() bool

	// DrainTimedOut reports whether net/http may have met the server's
	// ReadTimeout as it read what the handler has left of the request body: it does
	// not listen for the client's end then.
	DrainTimedOut() bool

	// ParentEndedEarly reports whether the outer context had ended before the
	// request began. ReaderEnded: on this connection it always will have.
	ParentEndedEarly() bool
	ReaderEnded() bool
	MarkReaderEnded()

	// StoppedListening reports whether net/http's own reader of the connection may
	// have met an end during this request, wait: after a moment in which it would
	// say so. Heard: whether it has for sure.
	StoppedListening(wait bool) bool
	Heard(wait bool) bool

	// Watch has the client watched for this request. It reports whether it is.
	Watch() bool
}

// connection judges over HTTP/1, where a client that leaves ends the connection.
// The error of a call is asked first, then the socket, then net/http's reader.
func connection(c Connection, w Word) verdict {
	if v, sure := withoutSocket(c, w); sure {
		return v
	}
	state := c.Peer()
	switch {
	case closedFirst(c, state):
		if w.mayBeCalling(c) {
			return undecided // net/http closes a connection on which a write failed
		}
		return byServer
	case state == peer.Reset:
		return byClient(Reset)
	case state == peer.Closed && c.Hijacked() && c.Unread():
		return undecided // nothing that was received may be lost
	case state == peer.Closed:
		return halfClosed(c)
	case w.proves():
		return proven(c, w, state)
	case c.WriteTimedOut():
		return byServer // net/http closes the connection when the handler has returned
	case w.mayBeCalling(c):
		return undecided
	case state == peer.Alive:
		return misled(c)
	}
	return unseen(c, w)
}

// withoutSocket is the verdict where the socket need not be asked, or no longer
// knows.
func withoutSocket(c Connection, w Word) (v verdict, sure bool) {
	switch {
	case w.broken() && w.Reason != WriteFailed && c.Closing():
		return byServer, true // the client's answer to a close_notify
	case peer.IsReset(w.Err):
		return byClient(Reset), true
	case w.broken():
		// Somebody else has taken the error that killed the connection. What this
		// process has closed gives net.ErrClosed.
		if c.Peer() == peer.Reset {
			return byClient(Reset), true
		}
		return byClient(w.Reason), true
	case w.closedHere():
		return byServer, true
	case w.contextEnded() && c.BaseEnded():
		return byServer, true
	}
	return undecided, false
}

// closedFirst reports whether this process ended the connection, or began to.
func closedFirst(c Connection, state peer.State) bool {
	switch state {
	case peer.Local:
		return true
	case peer.Closed: // a Write that is stuck behind a FIN must not be waited for
		return !c.Writing() && c.Closing()
	case peer.Reset:
		return c.Closing()
	}
	return false
}

// proven is the verdict on a word that is proof by itself. Over TLS a close_notify ends the
// request body ahead of the FIN.
func proven(c Connection, w Word, state peer.State) verdict {
	if w.truncated() && state == peer.Alive && c.IsTLS() && !c.IgnoreHalfClose() {
		return byClient(Closed)
	}
	return byClient(w.Reason)
}

// misled is the verdict where net/http has ended its context, and the socket says
// that the client is there.
func misled(c Connection) verdict {
	early, ended := c.ParentEndedEarly(), c.ReaderEnded()
	if c.Hijacked() {
		// The handler may read by way of Hijack's reader, which is net/http's own and
		// ends the context with any error: at a deadline of the connection, which nobody
		// here sees, or at the close_notify of a TLS client, ahead of its FIN. The
		// socket alone tells the two apart.
		if c.DeadlinePassed() || ended || early || c.Heard(true) {
			return keepWatched(c)
		}
		return byServer
	}
	// Over TLS the client may have sent a close_notify ahead of its FIN, or without
	// one, which the socket does not show. If it comes together with a request, it is
	// read before there is a request to tell of it. Then its FIN will tell, or else
	// the reader, once there is one.
	stopped := c.IsTLS() && !c.ReadTimedOut() &&
		c.StoppedListening(!ended && !(early && c.BodyUnread()))
	switch {
	case c.DeadlinePassed(), !stopped && (ended || early): // golang/go#70834
		c.MarkReaderEnded()
		return keepWatched(c)
	case stopped:
		return halfClosed(c)
	}
	return byServer // a context between net/http and here
}

// unseen is the verdict where no socket can be asked.
func unseen(c Connection, w Word) verdict {
	switch {
	case c.DeadlinePassed(), c.DrainTimedOut(), c.ParentEndedEarly() && !c.Heard(false):
		return byServer // from there on nobody could see the client leave
	case w.contextEnded() && c.ClosedHere():
		return byServer
	}
	return byClient(w.Reason)
}

// halfClosed is the verdict on a client that shut down its sending side.
func halfClosed(c Connection) verdict {
	if c.IgnoreHalfClose() {
		return keepWatched(c)
	}
	return byClient(Closed)
}

// keepWatched has the request's context live on if the client is watched, and no
// longer than that.
func keepWatched(c Connection) verdict {
	if c.Watch() {
		return verdict{by: Nobody}
	}
	return byServer
}
