package nethttp_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// When the client resets an HTTP/2 stream, the context of the request has ended
// before a read of its body says so (processResetStream in h2_bundle.go): the error
// has nothing to add.
func TestResetStream_EndsTheContextFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, ended := make(chan struct{}), make(chan error, 1)
		s := pipenet.Start(t, pipenet.HTTP2, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(begun)
			_, _ = r.Body.Read(make([]byte, 1))
			ended <- r.Context().Err()
		}))
		body, w := io.Pipe()
		defer w.Close()
		ctx, cancel := context.WithCancel(t.Context())
		call := s.Begin(s.NewRequest("POST", "/", body).WithContext(ctx))
		<-begun
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Err() = %v after the read, want %v", err, context.Canceled)
		}
		call.Wait()
	})
}
