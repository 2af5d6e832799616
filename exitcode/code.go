package exitcode

import (
	"encoding/json"
	"errors"
	"fmt"
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
	return &ExitError{c}
}

// ExitError is an error with a code. A function of [Handler] may return it, and
// it is the cause of the cancelled context of a request that exited.
type ExitError struct{ Code Code }

// Error returns the code and its name.
func (e *ExitError) Error() string { return "exit " + e.Code.String() }

// Is reports whether target is an ExitError with the same code.
func (e *ExitError) Is(target error) bool {
	t, ok := target.(*ExitError)
	return ok && t.Code == e.Code
}

// Of returns the code of the first [*ExitError] that errors.AsType finds in
// err. The result is false if there is none.
func Of(err error) (Code, bool) {
	if e, ok := errors.AsType[*ExitError](err); ok {
		return e.Code, true
	}
	return OK, false
}

func defaultPage(w http.ResponseWriter, r *http.Request, code int) { PlainText(w, r, Code(code)) }

// PlainText writes an error page of one line of text, such as "404 Not
// Found\n". It is the default of [Options].ErrorPage.
func PlainText(w http.ResponseWriter, r *http.Request, code Code) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(int(code))
	fmt.Fprintln(w, code)
}

// ProblemJSON writes an error page as application/problem+json (RFC 9457) with the
// members type, title and status. It is for [Options].ErrorPage.
func ProblemJSON(w http.ResponseWriter, r *http.Request, code Code) {
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
	ErrExited      = request.ErrExited     // an earlier exit has ended the request
	ErrHeaderSent  = request.ErrHeaderSent // the header has been sent, so the status cannot be replaced
	ErrEnded       = request.ErrEnded      // the response is complete
	ErrNoRequest   = request.ErrNoRequest  // no lastbyte middleware is around this handler
)
