package abort_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/aborttest"
	"github.com/lastbyte-go/lastbyte/exitcode"
)

// A client left in the middle of its body, and the handler
// answered 400 to the read's error, to nobody. Over HTTP/1 that was recorded as
// sent, over HTTP/2 mostly as what the callback's exit said.
func TestA10_NothingIsSentToAClientThatIsGone(t *testing.T) {
	for _, exits := range []bool{false, true} {
		t.Run(map[bool]string{false: "callback does nothing", true: "callback exits"}[exits], func(t *testing.T) {
			each(t, func(t *testing.T, p aborttest.Protocol, m mount) {
				begun := make(chan struct{}, 1)
				s := start(t, p, m, func(w http.ResponseWriter, r *http.Request) {
					ctx, answered := r.Context(), make(chan struct{})
					_ = abort.On(ctx, func(context.Context) {
						<-answered
						if exits {
							_ = exitcode.Exit(ctx, exitcode.ClientClosedRequest)
						}
					})
					begun <- struct{}{}
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						http.Error(w, "no body", 400)
					}
					close(answered)
				})
				call := s.Post("/", "text/plain", aborttest.StallAfter(strings.NewReader("some")))
				take(t, begun, "request")
				call.Leave(aborttest.Timeout)
				o := ended(t, call)
				if want := map[bool]int{false: 400, true: 499}[exits]; o.Status != want || o.Sent != 0 || o.Abort == nil {
					t.Errorf("Outcome = %d sent %d, %v, want %d sent 0, an abort", o.Status, o.Sent, o.Abort, want)
				}
			})
		})
	}
}
