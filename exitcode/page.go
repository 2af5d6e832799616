package exitcode

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Options are the settings of [New].
type Options struct {
	// ErrorPage writes the page of a code. nil means [PlainText]. The page sets
	// headers and body, and may set another status than that of the code. It
	// runs on a separate goroutine and writes into memory first. If it panics
	// or does not return, the status is sent without a page.
	ErrorPage func(w http.ResponseWriter, r *http.Request, code Code)
}

// New returns a middleware with the settings o for the handlers inside. If several
// are around a handler, the innermost one decides.
func New(o Options) func(http.Handler) http.Handler {
	c := &request.Config{Page: new(request.Page)}
	if o.ErrorPage != nil {
		c.Page.Write = func(w http.ResponseWriter, r *http.Request, code int) { o.ErrorPage(w, r, Code(code)) }
	}
	return func(next http.Handler) http.Handler { return request.Handler(c, next) }
}

// PlainText writes an error page as text: one line with the code, such as "404 Not
// Found\n", and the Detail of the request's exit if there is one. In Detail, control
// characters other than tab and newline, and what is not UTF-8, become U+FFFD. It is
// the default of [Options].ErrorPage.
func PlainText(w http.ResponseWriter, r *http.Request, code Code) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(int(code))
	_, _ = io.WriteString(w, plainText(code, detail(r, code)))
}

// plainText is the body of the page of PlainText. It is the Text of an exit, too.
func plainText(code Code, detail string) string {
	if detail == "" {
		return code.String() + "\n"
	}
	return code.String() + "\n" + strings.Map(printed, detail) + "\n"
}

// printed is c in a page of text, in which a terminal may show it.
func printed(c rune) rune {
	if unicode.IsControl(c) && c != '\t' && c != '\n' {
		return utf8.RuneError
	}
	return c
}

// ProblemJSON writes an error page as application/problem+json (RFC 9457) with the
// members type, title, status and instance, which is the path of the request. If the
// request's exit has a Detail, that is the member detail; and request_id is the id of the
// request, if that is known: with a Lifecycle of package middleware as the log has it,
// chi's RequestID included, else the X-Request-Id that it came with, cut at 128 bytes.
// It is for [Options].ErrorPage.
func ProblemJSON(w http.ResponseWriter, r *http.Request, code Code) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(int(code))
	title := code.name()
	if title == "" {
		title = code.String()
	}
	_ = json.NewEncoder(w).Encode(struct { // the writer of a page does not fail
		Type     string `json:"type"`
		Title    string `json:"title"`
		Status   int    `json:"status"`
		Detail   string `json:"detail,omitempty"`
		Instance string `json:"instance,omitempty"`
		ID       string `json:"request_id,omitempty"`
	}{"about:blank", title, int(code), detail(r, code), instance(r.URL), requestID(r)})
}

// requestID is the id of r, "" if it has none that is known.
func requestID(r *http.Request) string {
	if req, ok := request.From(r.Context()); ok {
		return req.ID(r.Context())
	}
	return request.CameWith(r.Header)
}

// detail is what the client may be told of the exit of r. A page that shows another
// code than that of the exit hides it: its Detail is not for the client.
func detail(r *http.Request, code Code) string {
	if e, ok := Cause(r.Context()); ok && e.Code == code {
		return e.Detail
	}
	return ""
}

// instance is the path of u as a URI reference.
func instance(u *url.URL) string {
	path := u.EscapedPath()
	if strings.HasPrefix(path, "//") {
		return "/." + path // else what follows would be the name of a host, see RFC 3986, section 4.2
	}
	return path
}
