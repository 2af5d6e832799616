package verdict_test

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/lastbyte-go/lastbyte/internal/nethttp"
	"github.com/lastbyte-go/lastbyte/internal/verdict"
)

// quicError has the shape of quic-go's StreamError; closed: of ApplicationError.
type quicError struct {
	Remote    bool
	ErrorCode uint64
	closed    bool
}

func (e *quicError) Error() string { return "of quic-go" }
func (e *quicError) Unwrap() error {
	if e.closed {
		return net.ErrClosed
	}
	return nil
}

var http3 = []row{
	{"A8 stops the stream", request{}, ended, verdict.Client, verdict.Unverified},
	{"A8 closes the connection", request{quic: nethttp.ClosedByPeer}, ended, verdict.Client, verdict.Closed},
	{"A8 does not answer", request{quic: nethttp.PeerLost}, ended, verdict.Client, verdict.Reset},
	{"A9 stops the stream", request{}, failed(&quicError{Remote: true}), verdict.Client, verdict.StreamReset},
	{"A9 closes the connection", request{}, failed(&quicError{Remote: true, closed: true}), verdict.Client, verdict.Closed},
	{"A10 resets the stream", request{}, truncated(&quicError{Remote: true}), verdict.Client, verdict.StreamReset},
	{"A8 after a write deadline", request{deadline: true}, ended, verdict.Client, verdict.Unverified},
	{"A8 a read is under way, which STOP_SENDING does not end", request{calling: true}, ended, verdict.Client, verdict.Unverified},

	{"N2 Close", request{quic: nethttp.EndedHere}, ended, verdict.Server, ""},
	{"N2 Close in a write", request{}, failed(&quicError{closed: true}), verdict.Server, ""},
	{"N2 the body closed here", request{}, truncated(&quicError{}), verdict.Server, ""},
	{"N2 Close, and another error", request{quic: nethttp.EndedHere}, failed(errors.New("else")), verdict.Server, ""},
	{"N3 write deadline", request{deadline: true}, failed(os.ErrDeadlineExceeded), verdict.Server, ""},
	{"N7 all of it is out", request{answered: true}, ended, verdict.Server, ""},
}

func TestJudge_HTTP3(t *testing.T) {
	for _, r := range http3 {
		r.of.h3, r.of.noConn = true, true
		if reason, by := verdict.Judge(&r.of, r.word); by != r.by || reason != r.reason {
			t.Errorf("%s: Judge() = %q, %v, want %q, %v", r.name, reason, by, r.reason, r.by)
		}
	}
}
