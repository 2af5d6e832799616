package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// A layer outside has put the response of an upstream into the place of the request
// body, and that server resets its HTTP/2 stream. The client was blamed: the error
// says that the reset came from the peer, but the peer is the upstream.
func TestN8_UpstreamResetsItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upstream := pipenet.Start(t, pipenet.HTTP2, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}))
		got := make(chan error, 2)
		inside := abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			never(t, r.Context())
			_, err := io.Copy(io.Discard, r.Body)
			got <- err
			synctest.Wait()
			got <- context.Cause(r.Context())
		}))
		s := pipenet.Start(t, pipenet.HTTP2, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			res, err := upstream.Get("/")
			if err != nil {
				t.Errorf("Get() = %v, want a response", err)
				return
			}
			defer res.Body.Close()
			r.Body = res.Body
			inside.ServeHTTP(w, r)
		}))
		res, err := s.Do(s.NewRequest("POST", "/", strings.NewReader("body")))
		if err != nil {
			t.Fatalf("Do() = %v, want a response", err)
		}
		res.Body.Close()
		if err := <-got; err == nil || errors.Is(err, abort.ErrClientAborted) {
			t.Errorf("Read() = %v, want the upstream's error, no abort", err)
		}
		if cause := <-got; cause != nil {
			t.Errorf("Cause() = %v, want the context alive", cause)
		}
	})
}
