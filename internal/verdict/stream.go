package verdict

import (
	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// stream judges over HTTP/2, where a client that leaves resets its stream or
// ends the connection of all of them.
func stream(c Case, w Word) (string, Party) {
	switch {
	case c.Answered():
		return "", Server // what ends now was complete
	case peer.IsReset(w.Err):
		return Reset, Client
	case w.Reason == Unverified && c.BaseEnded():
		return "", Server
	}
	state := c.Peer()
	if c.Told() && closedByNow(c, state) {
		// net/http closes the connection, too, because the client did.
		state = c.LeftFirst()
		switch {
		case state != peer.Unknown, w.broken():
		case w.Reason == Unverified && c.Calling():
			return "", Undecided
		case w.Reason == WriteFailed && (nethttp.IsDisconnected(w.Err) || w.timedOut()) && !c.ShuttingDown():
			// Where a frame cannot be written, net/http closes the connection at
			// once, ahead of all that could tell, and the writer is told no more.
			return WriteFailed, Client
		default:
			return "", Server
		}
	}
	reset := nethttp.IsResetByPeer(w.Err)
	switch {
	case state == peer.Reset:
		return Reset, Client
	case state == peer.Closed, state == peer.Local:
		return Closed, Client
	case reset:
		return StreamReset, Client
	case w.broken():
		return w.Reason, Client
	case c.DeadlinePassed():
		return "", Server // it has reset the stream
	case w.timedOut(): // HTTP2Config.WriteByteTimeout: the peer takes nothing
		return WriteFailed, Client
	case state == peer.Alive:
		return StreamReset, Client
	case w.Reason == Unverified && c.Calling():
		return "", Undecided
	}
	return w.Reason, Client
}

// closedByNow reports whether this process has closed an HTTP/2 connection, or
// begun to, for whatever reason.
func closedByNow(c Case, state peer.State) bool {
	switch state {
	case peer.Local:
		return true
	case peer.Closed, peer.Reset:
		return c.BeganToClose()
	}
	return false
}
