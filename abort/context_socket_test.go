package abort_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// A middleware around lastbyte that cancels without a reason looks like net/http
// does when the client leaves; the socket knows better. On HTTP/2 and TLS there
// is no telling, see abort.ConnContext, unless it gives a reason.
func TestContext_OuterCancel_Socket(t *testing.T) {
	for _, c := range []struct {
		wire  wire
		cause error
	}{{tcp, context.Canceled}, {tcp, errOuter}, {h2c, errOuter}, {tls, errOuter}} {
		t.Run(fmt.Sprint(c.wire, ", ", c.cause), func(t *testing.T) {
			t.Parallel()
			type result struct {
				cause   error
				aborted bool
			}
			results := make(chan result, 1)
			inside := abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				cancel := r.Context().Value(valueKey{}).(context.CancelCauseFunc)
				cancel(c.cause)
				<-r.Context().Done()
				_, aborted := abort.Cause(r.Context())
				results <- result{context.Cause(r.Context()), aborted}
			}))
			s := kernel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancelCause(r.Context())
				defer cancel(nil)
				inside.ServeHTTP(w, r.WithContext(context.WithValue(ctx, valueKey{}, cancel)))
			}), c.wire, withConnContext)
			res, err := s.client.Get(s.URL)
			if err != nil {
				t.Fatalf("Get() = %v, want a response", err)
			}
			res.Body.Close()
			if got := await(t, results, "end of the context"); got.cause != c.cause || got.aborted {
				t.Errorf("Cause = %v, aborted %v, want %v, no abort", got.cause, got.aborted, c.cause)
			}
		})
	}
}
