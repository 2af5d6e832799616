package request

import (
	"fmt"
	"net/http"
)

// refuses answers 503 in place of a handler that the Background does not admit, and
// reports whether it has.
func (d *Detached) refuses(w http.ResponseWriter, req *http.Request) bool {
	cause := d.owner().Admit()
	if cause == nil {
		return false
	}
	w.Header().Set("Retry-After", "1")
	e := &Exit{Code: http.StatusServiceUnavailable, Cause: cause, Page: refusedPage}
	_ = d.req.Exit(req.Context(), e) // an earlier ending is an answer as well
	return true
}

// refusedPage is the page of a refusal where the settings name none, as
// exitcode.PlainText has it.
func refusedPage(w http.ResponseWriter, _ *http.Request, code int) {
	http.Error(w, fmt.Sprintf("%d %s", code, http.StatusText(code)), code)
}
