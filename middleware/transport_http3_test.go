package middleware_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/abort"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// applicationError has the shape of quic-go's cause of a connection that has
// been closed.
type applicationError struct {
	Remote    bool
	ErrorCode uint64
}

func (e *applicationError) Error() string { return "application error" }
func (e *applicationError) Unwrap() error { return net.ErrClosed }

// A client that closes its QUIC connection is an abort, a
// server that closes it is none.
func TestTransport_HTTP3ClientCloses(t *testing.T) {
	for _, m := range mounts {
		for _, cause := range []error{&applicationError{Remote: true}, &applicationError{}, errors.New("outer")} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				called, ended := make(chan struct{}, 1), make(chan middleware.Outcome, 1)
				life := newLife(t, middleware.Options{OnEnd: func(_ *http.Request, o middleware.Outcome) { ended <- o }})
				h := m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					abort.On(r.Context(), func(context.Context) { called <- struct{}{} })
					cancel(cause)
					time.Sleep(time.Second)
				}))
				req := httptest.NewRequest("GET", "http://example.com/", nil).WithContext(ctx)
				req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/3.0", 3, 0
				go h.ServeHTTP(quic{fcgi{httptest.NewRecorder()}}, req)
				closed, ok := errors.AsType[*applicationError](cause)
				want := ok && closed.Remote
				if o := <-ended; (o.Abort != nil) != want || (len(called) > 0) != want {
					t.Errorf("%s, %v: abort %v, callback %v, want %v", m.name, cause, o.Abort, len(called) > 0, want)
				}
			})
		}
	}
}
