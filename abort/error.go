package abort

import (
	"fmt"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Error says why and when the client aborted. It is the cause of the request's
// cancelled context, and errors.Is finds [ErrClientAborted] in it. It is not
// changed after it has been made.
type Error struct {
	Reason Reason
	Stage  Stage         // how far the request was
	After  time.Duration // from the start of the request
	Err    error         // the error of the system or library; may be nil
}

// Error gives the time, the reason and the text of e.Err.
func (e *Error) Error() string {
	s := fmt.Sprintf("lastbyte: client left after %v: %s", e.After.Round(time.Microsecond), e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is reports whether target is [ErrClientAborted].
func (e *Error) Is(target error) bool { return target == ErrClientAborted }

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Reason says how the client left. If there is evidence for several reasons
// when the abort is noticed, the reason is the first of them in the order of
// the constants.
type Reason string

const (
	Reset         Reason = "reset"          // the connection is dead: an RST, or the system's timeout for a silent peer
	Closed        Reason = "closed"         // the connection was closed: a FIN
	StreamReset   Reason = "stream_reset"   // the HTTP/2 stream was reset: RST_STREAM (RFC 9113, section 6.4)
	WriteFailed   Reason = "write_failed"   // a write of the response failed
	BodyTruncated Reason = "body_truncated" // the request body ended early
	Unverified    Reason = "unverified"     // net/http ended its context, and no socket can be asked
)

// Stage says how far the request was when the abort was noticed. If a read of the
// request body was waiting, or failed because the client left, it is StageRequest,
// also where the header of the response is out.
type Stage string

const (
	StageRequest  Stage = "request"  // the request body was being read
	StageHandler  Stage = "handler"  // no header of the response is out; informational ones (1xx) do not count
	StageResponse Stage = "response" // the header is out, or the connection was hijacked; the end is not
)

// The errors of this package.
var (
	ErrClientAborted = request.ErrClientAborted // the client aborted, for whatever reason
	ErrCheckOff      = request.ErrCheckOff      // no Check is around this handler, or Ignore is
	ErrDuplicate     = request.ErrDuplicate     // On was called before for this request; the first callback stays
	ErrEnded         = request.ErrEnded         // the response is complete, or it is too late for a callback
	ErrNoRequest     = request.ErrNoRequest     // no lastbyte middleware is around this handler
	ErrNilFunc       = request.ErrNilFunc       // On was called without a function
)
