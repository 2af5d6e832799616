package abort

import (
	"fmt"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Error says why and when the client aborted. It is the cause of the request's
// cancelled context, and Is [ErrClientAborted].
type Error struct {
	Reason Reason
	After  time.Duration // from the request's start
	Err    error         // what the system or library said; may be nil
}

func (e *Error) Error() string {
	s := fmt.Sprintf("lastbyte: client left after %v: %s", e.After.Round(time.Microsecond), e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is reports whether target is [ErrClientAborted].
func (e *Error) Is(target error) bool { return target == ErrClientAborted }

// Unwrap gives e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Reason is how the client left. Several witnesses may speak at once; the
// reason is the strongest known when the abort is judged, in the order of the
// constants.
type Reason string

const (
	Reset         Reason = "reset"          // RST, or the system gave a silent peer up
	Closed        Reason = "closed"         // FIN
	StreamReset   Reason = "stream_reset"   // HTTP/2 RST_STREAM
	WriteFailed   Reason = "write_failed"   // a write of the response failed
	BodyTruncated Reason = "body_truncated" // the request body ended early
	Unverified    Reason = "unverified"     // net/http says so; the socket cannot be asked
)

// The errors of this package.
var (
	ErrClientAborted = request.ErrClientAborted // an abort, whatever its reason
	ErrCheckOff      = request.ErrCheckOff      // no Check around this handler, or Ignore
	ErrDuplicate     = request.ErrDuplicate     // a second On for this request; the first stands
	ErrEnded         = request.ErrEnded         // the response is complete
	ErrNoRequest     = request.ErrNoRequest     // no lastbyte middleware around this handler
	ErrNilFunc       = request.ErrNilFunc       // On without a function
)
