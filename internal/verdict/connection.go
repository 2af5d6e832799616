package verdict

import "github.com/lastbyte-go/lastbyte/internal/peer"

// connection judges over HTTP/1, where a client that leaves ends the connection.
func connection(c Case, w Word) (string, Party) {
	switch {
	case w.broken() && w.Reason != WriteFailed && c.Closing():
		return "", Server // the client's answer to a close_notify
	case peer.IsReset(w.Err):
		return Reset, Client
	case w.broken():
		// Somebody has taken the error that killed the connection; what this
		// process has closed is net.ErrClosed to it.
		if c.Peer() == peer.Reset {
			return Reset, Client
		}
		return w.Reason, Client
	case closedHere(w.Err):
		return "", Server
	case w.Reason == Unverified && c.BaseEnded():
		return "", Server
	}
	state := c.Peer()
	if closedFirst(c, state) {
		if w.Reason == Unverified && c.Calling() {
			return "", Undecided // net/http closes a connection on which a write failed
		}
		return "", Server
	}
	switch {
	case state == peer.Reset:
		return Reset, Client
	case state == peer.Closed && c.Hijacked() && c.Unread():
		return "", Undecided // nothing that was received may be lost
	case state == peer.Closed:
		return half(c)
	case w.proves():
		return w.Reason, Client
	case c.WriteTimedOut():
		return "", Server // net/http closes the connection when the handler is back
	case w.Reason == Unverified && c.Calling():
		return "", Undecided
	case state == peer.Alive:
		return misled(c)
	case c.DeadlinePassed(), c.DrainTimedOut(), c.Stale() && !c.Heard():
		return "", Server // nobody could see the client leave from here on
	case w.Reason == Unverified && c.ClosedHere():
		return "", Server
	}
	return w.Reason, Client
}

// closedFirst reports whether this process ended the connection, or began to.
func closedFirst(c Case, state peer.State) bool {
	switch state {
	case peer.Local:
		return true
	case peer.Closed: // a write that is stuck behind a FIN must not be waited for
		return !c.Writing() && c.Closing()
	case peer.Reset:
		return c.Closing()
	}
	return false
}

// misled is the verdict where net/http has ended its context and the peer's
// connection is in order.
func misled(c Case) (string, Party) {
	if c.Hijacked() { // net/http's reader has stopped; the socket alone knows
		if c.DeadlinePassed() || c.Deaf() || c.Stale() {
			return kept(c)
		}
		return "", Server
	}
	// A close_notify that comes together with a request is read before there is a
	// request to tell. Its FIN will tell, or else the reader, once there is one.
	deaf, stale := c.Deaf(), c.Stale()
	stopped := c.Secure() && !c.ReadTimedOut() &&
		c.StoppedListening(!deaf && !(stale && c.BodyUnread()))
	switch {
	case c.DeadlinePassed(), !stopped && (deaf || stale): // by now; golang/go#70834
		c.Deafen()
		return kept(c)
	case stopped:
		return half(c) // a close_notify ahead of its FIN, or without one
	}
	return "", Server // a context between net/http and here
}

// half is the verdict on a client that shut down its sending side.
func half(c Case) (string, Party) {
	if c.IgnoreHalfClose() {
		return kept(c)
	}
	return Closed, Client
}
