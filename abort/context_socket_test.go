package abort_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/lastbyte-go/lastbyte/abort"
)

// A middleware around lastbyte that cancels without a reason looks like net/http
// does when the client leaves; the socket knows better. On HTTP/2 and TLS there
// is no telling, see abort.ConnContext.
func TestContext_OuterCancel_Socket(t *testing.T) {
	for _, wr := range []wire{tcp} {
		t.Run(string(wr), func(t *testing.T) {
			t.Parallel()
			type result struct {
				cause   error
				aborted bool
			}
			results := make(chan result, 1)
			inside := abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				cancel := r.Context().Value(valueKey{}).(context.CancelFunc)
				cancel()
				<-r.Context().Done()
				_, aborted := abort.Cause(r.Context())
				results <- result{context.Cause(r.Context()), aborted}
			}))
			s := kernel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				inside.ServeHTTP(w, r.WithContext(context.WithValue(ctx, valueKey{}, cancel)))
			}), wr, withConnContext)
			res, err := s.client.Get(s.URL)
			if err != nil {
				t.Fatalf("Get() = %v, want a response", err)
			}
			res.Body.Close()
			if got := await(t, results, "end of the context"); got.cause != context.Canceled || got.aborted {
				t.Errorf("Cause = %v, aborted %v, want context canceled, no abort", got.cause, got.aborted)
			}
		})
	}
}
