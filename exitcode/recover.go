package exitcode

import (
	"net/http"

	"github.com/lastbyte-go/lastbyte/internal/request"
)

// Recover is a middleware that turns a panic of the handlers inside into an exit with
// 500 and its page. The panic is logged once, with its stack, and the Outcome of
// package middleware says Panicked; [Cause] has an [*ExitError] whose Err is what the
// handler has panicked with. The client is told nothing of that.
//
// If the header is out, the response is cut: the connection is closed, or on HTTP/2 the
// stream is reset, since a response that was broken off must not look complete. So is a
// connection that the handler has hijacked. If an exit or an abort came first, it stands.
//
// These pass on as without Recover: a panic with http.ErrAbortHandler (or an error that
// wraps it), which is how a handler breaks its response off; [Throw]; runtime.Goexit; and
// a panic after eof.Send, which goes to the OnPanic of the Background. A panic with nil is
// a panic with a *runtime.PanicNilError.
//
// Recover may stand around or inside eof's Detach, in both places a panic is logged with
// the stack of the goroutine that panicked. It is not for goroutines that a handler
// starts: package thread recovers the panics of its own, and those of others end the
// process. A recoverer inside of Recover, as chi's Recoverer, comes first.
func Recover(next http.Handler) http.Handler {
	return request.Handler(none, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, _ := request.From(r.Context())
		req.Recover(r.Context(), func() { next.ServeHTTP(w, r) }, func(why error) *request.Exit {
			return exitAs(&ExitError{Code: http.StatusInternalServerError, Err: why})
		})
	}))
}
