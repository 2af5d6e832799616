package exitcode_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lastbyte-go/lastbyte/exitcode"
	"github.com/lastbyte-go/lastbyte/internal/request"
)

// asking is a ResponseWriter whose Unwrap asks the request for its outcome.
type asking struct {
	http.ResponseWriter
	r *request.Request
}

func (a asking) Unwrap() http.ResponseWriter {
	a.r.Outcome()
	return a.ResponseWriter
}

// TestExit_UnwrapAsksTheRequest: no lock is held while the Unwrap of somebody else's
// ResponseWriter runs. It would not return.
func TestExit_UnwrapAsksTheRequest(t *testing.T) {
	t.Parallel()
	exits := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = exitcode.Exit(r.Context(), 503) })
	inner := exitcode.New(exitcode.Options{})(exits)
	between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, _ := request.From(r.Context())
		inner.ServeHTTP(asking{w, req}, r)
	})
	w := httptest.NewRecorder()
	exitcode.New(exitcode.Options{})(between).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 503 {
		t.Errorf("the status is %d, want 503", w.Code)
	}
}
