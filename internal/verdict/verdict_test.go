package verdict_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/peer"
	"github.com/lastbyte-go/lastbyte/internal/verdict"
)

// request answers the questions of a verdict.
type request struct {
	h2, hijacked, unread, ignoreHalf bool
	queued                           bool
	noConn, tls, baseEnded, closing  bool
	closedHere                       bool
	told, down, giveUp               bool
	peer, leftFirst                  peer.State
	calling, writing, answered       bool
	deadline, readTimedOut, drain    bool
	writeTimedOut, stale             bool
	stopped, unheard, unwatched      bool
	deaf                             bool
	h3                               bool
	quic                             nethttp.QUICEnd
}

func (r *request) HTTP1() bool                { return !r.h2 && !r.h3 }
func (r *request) HTTP3() bool                { return r.h3 }
func (r *request) QUIC() nethttp.QUICEnd      { return r.quic }
func (r *request) Hijacked() bool             { return r.hijacked }
func (r *request) Unread() bool               { return r.queued }
func (r *request) BodyUnread() bool           { return r.unread }
func (r *request) IgnoreHalfClose() bool      { return r.ignoreHalf }
func (r *request) IsTLS() bool                { return r.tls }
func (r *request) BaseEnded() bool            { return r.baseEnded }
func (r *request) ClosedHere() bool           { return r.closedHere }
func (r *request) Closing() bool              { return r.closing }
func (r *request) BeganToClose() bool         { return r.closing }
func (r *request) Hooked() bool               { return r.told }
func (r *request) LeftFirst() peer.State      { return r.leftFirst }
func (r *request) ShuttingDown() bool         { return r.down }
func (r *request) WritesGiveUp() bool         { return r.giveUp }
func (r *request) Calling() bool              { return r.calling }
func (r *request) Writing() bool              { return r.writing }
func (r *request) Answered() bool             { return r.answered }
func (r *request) DrainTimedOut() bool        { return r.drain }
func (r *request) DeadlinePassed() bool       { return r.deadline || r.readTimedOut }
func (r *request) ReadTimedOut() bool         { return r.readTimedOut }
func (r *request) WriteTimedOut() bool        { return r.writeTimedOut }
func (r *request) ParentEndedEarly() bool     { return r.stale }
func (r *request) ReaderEnded() bool          { return r.deaf }
func (r *request) MarkReaderEnded()           { r.deaf = true }
func (r *request) StoppedListening(bool) bool { return r.stopped }
func (r *request) Heard(bool) bool            { return r.stopped && !r.unheard }
func (r *request) Watch() bool                { return !r.noConn && !r.unwatched }
func (r *request) Peer() peer.State {
	if r.noConn {
		return peer.Unknown
	}
	return r.peer
}

var (
	errDisconnected = errors.New("client disconnected") // net/http's own words
	errElse         = errors.New("something else")
)

// alive is a peer that is there.
const alive = peer.Alive

// row is one of docs/aborts.md, with what is known when it is decided.
type row struct {
	name   string
	of     request
	word   verdict.Word
	by     verdict.Party
	reason string
}

var ended = verdict.Word{Reason: verdict.Unverified}

func failed(err error) verdict.Word    { return verdict.Word{Reason: verdict.WriteFailed, Err: err} }
func truncated(err error) verdict.Word { return verdict.Word{Reason: verdict.BodyTruncated, Err: err} }

var http1 = []row{
	{"A1 FIN", request{peer: peer.Closed}, ended, verdict.Client, verdict.Closed},
	{"A2 RST", request{peer: peer.Reset}, ended, verdict.Client, verdict.Reset},
	{"N2 closed here, no socket to ask", request{closedHere: true}, ended, verdict.Server, ""},
	{"A1 nobody to ask", request{noConn: true}, ended, verdict.Client, verdict.Unverified},
	{"A3 close_notify alone", request{tls: true, peer: alive, stopped: true}, ended, verdict.Client, verdict.Closed},
	{"A9 EPIPE", request{peer: alive}, failed(syscall.EPIPE), verdict.Client, verdict.WriteFailed},
	{"A9 EPIPE, and a reset", request{peer: peer.Reset}, failed(syscall.EPIPE), verdict.Client, verdict.Reset},
	{"A9 ECONNRESET without a socket", request{noConn: true}, failed(syscall.ECONNRESET), verdict.Client, verdict.Reset},
	{"A10 truncated", request{noConn: true}, truncated(io.ErrUnexpectedEOF), verdict.Client, verdict.BodyTruncated},
	{"A10 truncated by a FIN", request{peer: peer.Closed}, truncated(io.ErrUnexpectedEOF), verdict.Client, verdict.Closed},
	{"A10 truncated by a close_notify, ahead of its FIN", request{tls: true, peer: alive}, truncated(io.ErrUnexpectedEOF), verdict.Client, verdict.Closed},
	{"A10 the same, and half-closed connections live", request{tls: true, peer: alive, ignoreHalf: true}, truncated(io.ErrUnexpectedEOF), verdict.Client, verdict.BodyTruncated},
	{"A4 FIN, the body unread", request{peer: peer.Closed, unread: true}, verdict.Word{Reason: verdict.Closed}, verdict.Client, verdict.Closed},
	{"A4 RST, the body unread", request{peer: peer.Reset, unread: true}, verdict.Word{Reason: verdict.Reset}, verdict.Client, verdict.Reset},
	{"A5 FIN behind pipelined bytes", request{peer: peer.Closed}, verdict.Word{Reason: verdict.Closed}, verdict.Client, verdict.Closed},
	{"A3 FIN over TLS", request{tls: true, peer: peer.Closed}, ended, verdict.Client, verdict.Closed},
	{"A3 RST over TLS", request{tls: true, peer: peer.Reset}, ended, verdict.Client, verdict.Reset},
	{"A15 FIN behind a complete response", request{peer: peer.Closed}, ended, verdict.Client, verdict.Closed},
	{"A11 half-close", request{peer: peer.Closed}, ended, verdict.Client, verdict.Closed},
	{"A6 FIN before the request began", request{noConn: true, stale: true, stopped: true}, ended, verdict.Client, verdict.Unverified},
	{"A11 half-close, ignored", request{peer: peer.Closed, ignoreHalf: true}, ended, verdict.Nobody, ""},
	{"A11 ignored, and nobody watches", request{peer: peer.Closed, ignoreHalf: true, unwatched: true}, ended, verdict.Server, ""},
	{"A7 hijacked", request{peer: peer.Closed, hijacked: true}, verdict.Word{Reason: verdict.Closed}, verdict.Client, verdict.Closed},
	{"A16 hijacked, and bytes are unread", request{peer: peer.Closed, hijacked: true, queued: true}, verdict.Word{Reason: verdict.Closed}, verdict.Undecided, ""},
	{"A16 hijacked, and all was read", request{peer: peer.Closed, hijacked: true}, verdict.Word{Reason: verdict.Closed}, verdict.Client, verdict.Closed},
	{"A16 the same, reset", request{peer: peer.Reset, hijacked: true, queued: true}, verdict.Word{Reason: verdict.Reset}, verdict.Client, verdict.Reset},

	{"N2 closed here", request{peer: peer.Local}, ended, verdict.Server, ""},
	{"N2 closed here, a write said so", request{noConn: true}, failed(net.ErrClosed), verdict.Server, ""},
	{"N2 closed here, a read of a pipe said so", request{noConn: true}, truncated(io.ErrClosedPipe), verdict.Server, ""},
	{"N2 a write to a pipe that is closed", request{noConn: true}, failed(io.ErrClosedPipe), verdict.Server, ""},
	{"N2 closed here, a write is under way", request{peer: peer.Local, calling: true}, ended, verdict.Undecided, ""},
	{"N2 the answer to a close_notify", request{tls: true, peer: peer.Reset, closing: true}, ended, verdict.Server, ""},
	{"N2 base context", request{peer: alive, baseEnded: true}, ended, verdict.Server, ""},
	{"N3 read deadline", request{peer: alive, deadline: true}, ended, verdict.Nobody, ""},
	{"N3 read deadline, nobody watches", request{peer: alive, deadline: true, unwatched: true}, ended, verdict.Server, ""},
	{"N3 read deadline without a socket", request{noConn: true, deadline: true}, ended, verdict.Server, ""},
	{"N3 ReadTimeout, the body left unread, without a socket", request{noConn: true, unread: true, drain: true}, ended, verdict.Server, ""},
	{"N3 a read timed out", request{peer: alive, readTimedOut: true}, ended, verdict.Nobody, ""},
	{"N3 a write timed out", request{peer: alive, writeTimedOut: true}, ended, verdict.Server, ""},
	{"N3 it did, and a read waits", request{peer: alive, writeTimedOut: true, calling: true}, ended, verdict.Server, ""},
	{"N3 it did, nobody to ask", request{noConn: true, writeTimedOut: true}, ended, verdict.Server, ""},
	{"N3 a write is under way", request{peer: alive, calling: true}, ended, verdict.Undecided, ""},
	{"N4 a cancel in between", request{peer: alive}, ended, verdict.Server, ""},
	{"N4 the same over TLS", request{tls: true, peer: alive}, ended, verdict.Server, ""},
	{"N3 hijacked, and Hijack's reader has met an end", request{peer: alive, hijacked: true, stopped: true}, ended, verdict.Nobody, ""},
	{"N4 hijacked", request{peer: alive, hijacked: true}, ended, verdict.Server, ""},
	{"N9 ended before the request began", request{peer: alive, stale: true}, ended, verdict.Nobody, ""},
	{"N9 and nobody to ask", request{noConn: true, stale: true}, ended, verdict.Server, ""},
	{"N9 and nobody knows", request{noConn: true, stale: true, stopped: true, unheard: true}, ended, verdict.Server, ""},
	{"N4 another error after a cancel", request{peer: alive}, failed(errElse), verdict.Server, ""},
}

var http2 = []row{
	{"A8 RST_STREAM", request{peer: alive}, ended, verdict.Client, verdict.StreamReset},
	{"A8 while a Write waits", request{peer: alive}, failed(errElse), verdict.Client, verdict.StreamReset},
	{"A8 while the body is read", request{peer: alive}, truncated(errElse), verdict.Client, verdict.StreamReset},
	{"A8 FIN", request{peer: peer.Closed, told: true}, ended, verdict.Client, verdict.Closed},
	{"A8 FIN, closed here then", request{peer: peer.Local, told: true, leftFirst: peer.Closed}, ended, verdict.Client, verdict.Closed},
	{"A8 RST, closed here then", request{peer: peer.Local, told: true, leftFirst: peer.Reset}, failed(errDisconnected), verdict.Client, verdict.Reset},
	{"A8 FIN, nobody tells", request{peer: peer.Local}, ended, verdict.Client, verdict.Closed},
	{"A8 nobody to ask", request{noConn: true}, ended, verdict.Client, verdict.Unverified},
	{"A9 a frame failed", request{peer: peer.Local, told: true, giveUp: true}, failed(errDisconnected), verdict.Client, verdict.WriteFailed},
	{"A9 ECONNRESET", request{peer: peer.Local, told: true}, failed(syscall.ECONNRESET), verdict.Client, verdict.Reset},
	{"A9 EPIPE", request{peer: peer.Local, told: true}, failed(syscall.EPIPE), verdict.Client, verdict.WriteFailed},

	{"N2 closed here", request{peer: peer.Local, told: true}, ended, verdict.Server, ""},
	{"N2 closed here, a write waits", request{peer: peer.Local, told: true, calling: true}, ended, verdict.Undecided, ""},
	{"N2 closed here, a frame was stuck", request{peer: peer.Local, told: true}, failed(errDisconnected), verdict.Server, ""},
	{"N2 shutdown, and a frame failed", request{peer: peer.Local, told: true, giveUp: true, down: true}, failed(errDisconnected), verdict.Server, ""},
	{"N2 the answer to a close_notify", request{tls: true, peer: peer.Closed, told: true, closing: true}, ended, verdict.Server, ""},
	{"N2 base context", request{peer: alive, baseEnded: true}, ended, verdict.Server, ""},
	{"N3 write deadline", request{peer: alive, deadline: true}, ended, verdict.Server, ""},
	{"N3 write deadline, a Write says it", request{peer: alive, deadline: true}, failed(errElse), verdict.Server, ""},
	{"N3 write deadline, nobody to ask", request{noConn: true, deadline: true}, ended, verdict.Server, ""},
	{"A9 WriteByteTimeout", request{peer: peer.Local, told: true}, failed(os.ErrDeadlineExceeded), verdict.Client, verdict.WriteFailed},
	{"A9 WriteByteTimeout, nobody to ask", request{noConn: true}, failed(os.ErrDeadlineExceeded), verdict.Client, verdict.WriteFailed},
	{"N7 the stream was ended here", request{peer: alive, answered: true}, ended, verdict.Server, ""},
	{"N7 and the client closes", request{peer: peer.Closed, answered: true}, ended, verdict.Server, ""},
	{"N7 nobody to ask", request{noConn: true, answered: true}, ended, verdict.Server, ""},
}

func TestJudge(t *testing.T) {
	for _, rows := range [][]row{http1, http2} {
		for _, r := range rows {
			name := map[bool]string{false: "HTTP/1 ", true: "HTTP/2 "}[&rows[0] == &http2[0]]
			t.Run(name+r.name, func(t *testing.T) {
				r.of.h2 = &rows[0] == &http2[0]
				reason, by := verdict.Judge(&r.of, r.word)
				if by != r.by || reason != r.reason {
					t.Errorf("Judge(%+v, %v) = %q, %v, want %q, %v", r.of, r.word, reason, by, r.reason, r.by)
				}
			})
		}
	}
}
