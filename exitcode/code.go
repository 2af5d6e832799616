package exitcode

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Code is what a request exits with: a status from 200 to 999, 0, or -1.
type Code int

const (
	Error               Code = -1  // drop the connection, no status
	OK                  Code = 0   // leave this phase, go on
	Close               Code = 444 // drop the connection, not one byte (on a reused connection Go's client sends a GET again)
	ClientClosedRequest Code = 499 // recorded, never written
)

func (c Code) valid() bool { return c == Error || c == OK || c >= 200 && c <= 999 }

// String gives the code and its name, such as "404 Not Found" or "444 Close".
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

// Err gives an error that carries c: an [*ExitError], nil for OK.
func (c Code) Err() error {
	if c == OK {
		return nil
	}
	return &ExitError{c}
}

// ExitError carries a code: from a handler of [Handler], and as the cause of
// the context of a request that exited.
type ExitError struct{ Code Code }

func (e *ExitError) Error() string { return "exit " + e.Code.String() }

// Is reports whether target is an ExitError with the same code.
func (e *ExitError) Is(target error) bool {
	t, ok := target.(*ExitError)
	return ok && t.Code == e.Code
}

// Of gives the code that err carries, at any depth.
func Of(err error) (Code, bool) {
	if e, ok := errors.AsType[*ExitError](err); ok {
		return e.Code, true
	}
	return OK, false
}

func defaultPage(w http.ResponseWriter, r *http.Request, code int) { PlainText(w, r, Code(code)) }

// PlainText is the page "404 Not Found\n".
func PlainText(w http.ResponseWriter, _ *http.Request, code Code) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(int(code))
	fmt.Fprintln(w, code)
}

// ProblemJSON is the page of RFC 9457: type, title and status.
func ProblemJSON(w http.ResponseWriter, _ *http.Request, code Code) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(int(code))
	title := code.name()
	if title == "" {
		title = code.String()
	}
	_ = json.NewEncoder(w).Encode(struct { // the writer of a page does not fail
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
	}{"about:blank", title, int(code)})
}

// The errors of this package.
var (
	ErrInvalidCode = errors.New("exitcode: invalid code")
	ErrExited      = request.ErrExited     // an earlier exit won
	ErrHeaderSent  = request.ErrHeaderSent // the status is on its way
	ErrEnded       = request.ErrEnded      // the response is complete
	ErrNoRequest   = request.ErrNoRequest  // no lastbyte middleware around this handler
)
