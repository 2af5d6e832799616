package verdict

import (
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// Stream has the questions of the judge of HTTP/2.
type Stream interface {
	Shared

	// Answered reports whether the client has all of the response, or the server
	// has ended the stream.
	Answered() bool

	// Hooked reports whether LeftFirst can say how the client left, if it did so
	// before this process closed the connection; it says peer.Unknown if not.
	Hooked() bool
	LeftFirst() peer.State

	// BeganToClose reports whether this process has begun to close a connection
	// that speaks TLS. It may be asked beside a Write that is stuck.
	BeganToClose() bool

	// ShuttingDown reports whether Shutdown of the server was called.
	ShuttingDown() bool

	// WritesGiveUp reports whether the server may have closed the connection because
	// the client took nothing (HTTP2Config.WriteByteTimeout).
	WritesGiveUp() bool
}

// stream judges over HTTP/2, where a client that leaves resets its stream, or
// ends the connection of all streams.
func stream(c Stream, w Word) verdict {
	switch {
	case c.Answered():
		return byServer // what ends now was complete
	case peer.IsReset(w.Err):
		return byClient(Reset)
	case w.contextEnded() && c.BaseEnded():
		return byServer
	}
	state := c.Peer()
	if c.Hooked() && closedByNow(c, state) {
		// net/http closes the connection, too, because the client did.
		if state = c.LeftFirst(); state == peer.Unknown && !w.broken() {
			return closedFromHere(c, w)
		}
	}
	return lostStream(c, w, state)
}

// closedByNow reports whether this process has closed the connection, or begun to,
// for whatever reason.
func closedByNow(c Stream, state peer.State) bool {
	switch state {
	case peer.Local:
		return true
	case peer.Closed, peer.Reset, peer.Alive: // alive: its close_notify is on the way, the close is not
		return c.BeganToClose()
	}
	return false
}

// closedFromHere is the verdict where this process has closed the connection, and
// nothing says that the client had left before.
func closedFromHere(c Stream, w Word) verdict {
	switch {
	case w.mayBeCalling(c):
		return undecided
	case w.Reason != WriteFailed || c.ShuttingDown():
		return byServer
	case w.timedOut(), nethttp.IsDisconnected(w.Err) && c.WritesGiveUp():
		// Where a frame cannot be written in time, net/http closes the connection at
		// once, and those who wait for other frames are told no more. After a Close of
		// the server, which ends a Write that is stuck, they are told the same.
		return byClient(WriteFailed)
	}
	return byServer
}

// lostStream is the verdict where state is what the socket says of the client, or
// said before this process closed the connection.
func lostStream(c Stream, w Word, state peer.State) verdict {
	switch {
	case state == peer.Reset:
		return byClient(Reset)
	case state == peer.Closed, state == peer.Local:
		return byClient(Closed)
	case w.broken():
		return byClient(w.Reason)
	case c.DeadlinePassed():
		return byServer // it has reset the stream
	case w.timedOut(): // HTTP2Config.WriteByteTimeout: the client takes nothing
		return byClient(WriteFailed)
	case state == peer.Alive:
		return byClient(StreamReset)
	case w.mayBeCalling(c):
		return undecided
	}
	return byClient(w.Reason)
}
