package exitcode

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Code is what a request exits with: a status from 200 to 999, 0, or -1. Other
// values are invalid. The codes -1, 408, 444 and 499 drop the connection, or the
// stream on HTTP/2. The others send a response.
type Code int

const (
	Error               Code = -1  // drop the connection; no status is recorded
	OK                  Code = 0   // leave this phase and continue with the next handler
	Close               Code = 444 // drop the connection without a byte; on a reused connection, Go's client repeats a GET
	ClientClosedRequest Code = 499 // drop the connection; the code is recorded, and never sent
)

func (c Code) valid() bool { return c == Error || c == OK || c >= 200 && c <= 999 }

// String returns the code and its name, such as "404 Not Found" or "444 Close".
func (c Code) String() string {
	if name := c.name(); name != "" {
		return strconv.Itoa(int(c)) + " " + name
	}
	return strconv.Itoa(int(c))
}

func (c Code) name() string {
	switch c {
	case Error:
		return "Error"
	case OK:
		return "OK"
	case Close:
		return "Close"
	case ClientClosedRequest:
		return "Client Closed Request"
	}
	return http.StatusText(int(c))
}

// Err returns an error that carries c, an [*ExitError]. For [OK] it returns nil.
func (c Code) Err() error {
	if c == OK {
		return nil
	}
	return &ExitError{Code: c}
}

// ExitError is an error with a code: it says how a request ends, what its client is
// told, and what the log is. A function of [Handler] may return one, and it is the
// cause of the cancelled context of a request that exited. It is not changed once
// it has been passed to this package, so goroutines may share it.
type ExitError struct {
	Code   Code
	Detail string // for the client: the pages of this package show it, and nothing else of the error
	Err    error  // for the log: what went wrong; nil if there is no more to say
}

// Error returns the code with its name, and what Err says. It leaves Detail out.
func (e *ExitError) Error() string {
	switch {
	case e == nil:
		return "<nil>"
	case e.Err == nil:
		return "exit " + e.Code.String()
	}
	return "exit " + e.Code.String() + ": " + e.Err.Error()
}

// Unwrap returns e.Err.
func (e *ExitError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is reports whether target is an ExitError with the same code, whatever their
// Detail and Err are.
func (e *ExitError) Is(target error) bool {
	t, ok := target.(*ExitError)
	return ok && e != nil && t != nil && t.Code == e.Code
}

// Of returns the code of the first [*ExitError] that errors.AsType finds in err.
// That is the outermost one; of the errors in errors.Join, or in several %w of
// fmt.Errorf, the one that stands first. The result is false if there is none.
func Of(err error) (Code, bool) {
	if e, ok := errors.AsType[*ExitError](err); ok && e != nil {
		return e.Code, true
	}
	return OK, false
}

// The errors of this package.
var (
	ErrInvalidCode = errors.New("exitcode: invalid code")
	ErrExited      = request.ErrExited     // an earlier exit has ended the request
	ErrHeaderSent  = request.ErrHeaderSent // the header has been sent, so the status cannot be replaced
	ErrEnded       = request.ErrEnded      // the response is complete
	ErrNoRequest   = request.ErrNoRequest  // no lastbyte middleware is around this handler
)
