// Package verdict decides who ended a request before its response was complete:
// the client, or this process. It is what docs/aborts.md promises, as code, with
// one judge for each protocol: connection for HTTP/1, stream for HTTP/2, quic for
// HTTP/3. It changes nothing, and knows nothing of a request but the answers to
// the questions of [Case].
//
// Two rules hold for every protocol. The client is blamed on proof alone. And a
// context that has ended, without a proof against the client, ends the request's
// context, too, unless lastbyte itself watches the client from then on.
//
// There is no lock, and no judge may be asked with one held, since some of the
// questions wait. The package imports internal/nethttp and internal/peer.
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
	// connection has not read what came before the client's end: it is asked again
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

// verdict is what a judge says: who it was, and for the client the strongest
// reason that is known.
type verdict struct {
	by     Party
	reason string
}

var (
	undecided = verdict{by: Undecided}
	byServer  = verdict{by: Server}
)

func byClient(reason string) verdict { return verdict{Client, reason} }

// Word is what a witness says: Unverified, that net/http has ended its context;
// WriteFailed and BodyTruncated, that a call came to Err; Closed and Reset, that
// the socket was asked.
type Word struct {
	Reason string
	Err    error
}

// Case answers the questions of all judges about one request. Each is asked only
// where it matters: some look at the socket, and some wait.
type Case interface {
	HTTP1() bool
	HTTP3() bool
	Connection
	Stream
	QUICStream
}

// Shared has the questions of more than one judge.
type Shared interface {
	// Peer asks the socket. Where the connection is not known it is peer.Unknown,
	// and every question about the connection has the answer false.
	Peer() peer.State

	// BaseEnded reports whether the base context of the connection has ended,
	// which is the server's doing.
	BaseEnded() bool

	// Calling reports whether a read of the request body or a Write is under way,
	// after which the verdict is asked for again.
	Calling() bool

	// DeadlinePassed reports whether a deadline has passed that net/http takes
	// for the end of the client: on HTTP/1 one for reading, on HTTP/2 one for
	// writing.
	DeadlinePassed() bool
}

// Judge weighs the word of a witness against what else is known, and gives the
// strongest reason known if it was the client.
func Judge(c Case, w Word) (reason string, by Party) {
	v := judge(c, w)
	return v.reason, v.by
}

func judge(c Case, w Word) verdict {
	switch {
	case c.HTTP1():
		return connection(c, w)
	case c.HTTP3():
		return quic(c, w)
	}
	return stream(c, w)
}

// contextEnded reports whether the word is no more than that net/http has ended
// its context.
func (w Word) contextEnded() bool { return w.Reason == Unverified }

// mayBeCalling reports whether the end of the context may come from a call that is
// under way, whose error will say more.
func (w Word) mayBeCalling(c Shared) bool { return w.contextEnded() && c.Calling() }

// proves reports whether the word is proof by itself, and not only that net/http
// has ended its context at some time before.
func (w Word) proves() bool {
	switch w.Reason {
	case Closed, Reset:
		return true
	}
	return w.truncated()
}

// truncated reports whether a read of the request body met the end of what arrives.
func (w Word) truncated() bool {
	return w.Reason == BodyTruncated && errors.Is(w.Err, io.ErrUnexpectedEOF)
}

// broken reports whether the system says that the connection is.
func (w Word) broken() bool { return peer.IsBroken(w.Err) }

// timedOut reports whether a call met a deadline. A Write on HTTP/2 meets only
// that of HTTP2Config.WriteByteTimeout; others reset the stream.
func (w Word) timedOut() bool { return errors.Is(w.Err, os.ErrDeadlineExceeded) }

// closedHere reports whether the error of a call says that this process has closed
// what it acts on. io.ErrClosedPipe is what a net.Pipe says to a Read then; to a
// Write it says the same when the other end was closed, so that proves nothing,
// and the client is not blamed for it.
func (w Word) closedHere() bool {
	return errors.Is(w.Err, net.ErrClosed) || errors.Is(w.Err, io.ErrClosedPipe)
}

// Suspicious reports whether err, of a read or write, is worth a verdict even if
// net/http has not ended its context: it may speak of the end of the client.
func Suspicious(err error) bool {
	return peer.IsBroken(err) || nethttp.IsDisconnected(err) || nethttp.OfQUIC(err).ByPeer()
}
