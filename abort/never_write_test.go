package abort_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
)

// To HEAD the HTTP/2 server ends the stream with the header, which goes out in the
// middle of a first write that is larger than what the server holds back.
func TestN7_HeadWithOneLargeWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := make(chan error, 1)
		s := pipenet.Start(t, pipenet.HTTP2, abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(make([]byte, 32768))
			cause <- context.Cause(r.Context())
		})))
		res, err := s.Do(s.NewRequest("HEAD", "/", nil))
		if err != nil {
			t.Fatalf("Do() = %v, want a response", err)
		}
		res.Body.Close()
		if err := <-cause; errors.Is(err, abort.ErrClientAborted) {
			t.Errorf("Cause() = %v, want no abort: the client is there", err)
		}
	})
}

// A deadline for writing that net/http meets when it writes what it has held back
// ends the context, and no client is blamed.
func TestN3_WriteDeadlineThatNoCallMeets(t *testing.T) {
	for name, limit := range map[string]time.Duration{"the handler's": 0, "the server's": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				called := make(chan struct{}, 1)
				ended := make(chan error, 1)
				h := abort.Check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_ = abort.On(r.Context(), func(context.Context) { called <- struct{}{} })
					if limit == 0 {
						_ = http.NewResponseController(w).SetWriteDeadline(longAgo)
					}
					time.Sleep(time.Second)
					_, _ = io.Copy(io.Discard, r.Body) // writes 100 Continue; the error has no way to the handler
					time.Sleep(time.Second)
					ended <- context.Cause(r.Context())
				}))
				s := pipenet.Start(t, pipenet.HTTP1, h, func(srv *http.Server) { srv.WriteTimeout = limit })
				req := s.NewRequest("POST", "/", strings.NewReader("body"))
				req.Header.Set("Expect", "100-continue")
				if res, err := s.Do(req); err == nil {
					res.Body.Close()
				}
				if cause := <-ended; cause != context.Canceled {
					t.Errorf("Cause() = %v, want that of net/http", cause)
				}
				synctest.Wait()
				if len(called) != 0 {
					t.Error("the callback ran, though the client is there")
				}
			})
		})
	}
}
