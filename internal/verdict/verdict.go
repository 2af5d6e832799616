// Package verdict decides who ended a request before its response was complete:
// the client, or this process. It is the table of docs/aborts.md as code. It
// touches nothing and knows nothing of a request but the answers to [Case].
//
// Two rules hold for both protocols. The client is blamed on proof alone. And a
// context that has ended, without a proof against the client, ends the request's
// context, too, unless lastbyte itself watches the peer from then on.
package verdict

import (
	"errors"
	"io"
	"net"
	"os"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
)

// The reasons of an abort, the strongest first; abort.Reason documents them.
const (
	Reset         = "reset"
	Closed        = "closed"
	StreamReset   = "stream_reset"
	WriteFailed   = "write_failed"
	BodyTruncated = "body_truncated"
	Unverified    = "unverified"
)

// Party is who ended a request's outer context, or made its reads and writes
// fail.
type Party uint8

const (
	// Undecided: a call that is under way may have been the cause. Its error
	// will say more, and whoever made it asks again. Or the handler of a hijacked
	// connection has not read what came before the client's end: asked again
	// later.
	Undecided Party = iota

	// Nobody: net/http was misled, the client is there, and lastbyte watches it.
	Nobody

	// Client: there is proof that the client left.
	Client

	// Server: the server, a deadline, or a handler around lastbyte; everything
	// for which the client cannot be blamed.
	Server
)

func (p Party) String() string { return [...]string{"undecided", "nobody", "client", "server"}[p] }

// Word is what a witness says: Unverified, that net/http has ended its context;
// WriteFailed and BodyTruncated, that a call came to Err; Closed and Reset, that
// the socket was asked.
type Word struct {
	Reason string
	Err    error
}

// Case answers questions about one request. Each is asked only where it
// matters: some look at the socket, and some wait.
type Case interface {
	HTTP1() bool
	HTTP3() bool
	Hijacked() bool
	Unread() bool // of what the client has sent on a hijacked connection
	BodyUnread() bool
	IgnoreHalfClose() bool

	// Where the connection is not known, Peer is peer.Unknown, and what is asked
	// of a connection is false.
	Peer() peer.State
	Secure() bool    // it speaks TLS
	BaseEnded() bool // the base context has: the server's doing

	// ClosedHere reports whether a connection whose socket nobody knows may have
	// been closed by this process.
	ClosedHere() bool

	// Closing reports whether this process has begun to close a connection that
	// speaks TLS. It must not be asked while a write may be stuck.
	Closing() bool

	// Told reports whether LeftFirst can say how the client left if it did
	// before this process closed an HTTP/2 connection, peer.Unknown if not.
	// BeganToClose is Closing, also beside a write that is stuck.
	Told() bool
	LeftFirst() peer.State
	BeganToClose() bool
	ShuttingDown() bool // Shutdown of the server was called

	// QUIC tells who ended the connection of a request over HTTP/3, whose context
	// has ended.
	QUIC() nethttp.QUICEnd

	// Calling reports whether a body read or a Write is under way, after which
	// the verdict is asked for again. Writing: a Write is.
	Calling() bool
	Writing() bool

	// Answered reports whether the client has all of the response, or the server
	// has ended the stream, on HTTP/2.
	Answered() bool

	// DeadlinePassed reports whether a deadline has passed that net/http takes
	// for the end of the client: on HTTP/1 one for reading, on HTTP/2 one for
	// writing. ReadTimedOut: a read has met it. WriteTimedOut: a Write has failed
	// by one, after which nothing more can be written.
	DeadlinePassed() bool
	ReadTimedOut() bool
	WriteTimedOut() bool

	// DrainTimedOut reports whether net/http may have met the server's
	// ReadTimeout as it read what the handler has left of the body of an HTTP/1
	// request: it does not listen for the client's end then.
	DrainTimedOut() bool

	// Stale reports whether the outer context had ended before the request
	// began. Deaf: on this connection it always will have.
	Stale() bool
	Deaf() bool
	Deafen()

	// StoppedListening reports whether net/http's own reader of an HTTP/1
	// connection may have met an end during this request, wait: after a moment
	// in which it would say so. Heard: whether it has for sure.
	StoppedListening(wait bool) bool
	Heard() bool

	// Watch has the peer watched for this request. It reports whether it is.
	Watch() bool
}

// Judge weighs the word of a witness against what else is known, and gives the
// strongest reason known if it was the client.
func Judge(c Case, w Word) (reason string, by Party) {
	switch {
	case c.HTTP1():
		return connection(c, w)
	case c.HTTP3():
		return quic(c, w)
	}
	return stream(c, w)
}

// proves reports whether the word is proof by itself, and not only that net/http
// has ended its context at some time before.
func (w Word) proves() bool {
	switch w.Reason {
	case Closed, Reset:
		return true
	case BodyTruncated:
		return errors.Is(w.Err, io.ErrUnexpectedEOF)
	}
	return false
}

// broken reports whether the system says that the connection is.
func (w Word) broken() bool { return peer.IsBroken(w.Err) }

// timedOut reports whether a call met a deadline. A Write on HTTP/2 meets only
// that of HTTP2Config.WriteByteTimeout; others reset the stream.
func (w Word) timedOut() bool { return errors.Is(w.Err, os.ErrDeadlineExceeded) }

// Suspicious reports whether err, of a read or write, is worth a verdict even if
// net/http has not ended its context: it may speak of the end of the client.
func Suspicious(err error) bool {
	return peer.IsBroken(err) || nethttp.IsDisconnected(err) || nethttp.IsResetByPeer(err) ||
		nethttp.OfQUIC(err).ByPeer()
}

// closedHere finds what this process has closed. io.ErrClosedPipe is what a
// net.Pipe says to a Read then; to a Write it says the same when the other end
// was closed, so that proves nothing.
func closedHere(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

// kept has the request's context live on if the peer is watched, and no longer
// than that.
func kept(c Case) (string, Party) {
	if c.Watch() {
		return "", Nobody
	}
	return "", Server
}
