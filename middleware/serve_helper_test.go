package middleware_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// service is a server that Lifecycle.Serve serves in a bubble.
type service struct {
	*pipenet.Server
	life  *middleware.Lifecycle
	stop  context.CancelFunc // as SIGTERM does
	began time.Time          // when stop was called
	err   chan error         // of Serve
}

// serveBy serves h, as it is, by life's Serve.
func serveBy(t *testing.T, p pipenet.Proto, life *middleware.Lifecycle, h http.Handler, configure ...func(*http.Server)) *service {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	s := &service{life: life, err: make(chan error, 1)}
	s.stop = func() {
		s.began = time.Now()
		stop()
	}
	s.Server = pipenet.StartBy(t, p, h, func(srv *http.Server, ln net.Listener) error {
		s.err <- life.Serve(ctx, srv, ln)
		return nil
	}, configure...)
	return s
}

// eachServed runs body for every mount and protocol with h served by Serve.
func eachServed(t *testing.T, o middleware.Options, h http.HandlerFunc, body func(t *testing.T, s *service, p pipenet.Proto, m mount)) {
	t.Helper()
	each(t, func(t *testing.T, p pipenet.Proto, m mount) {
		life := newLife(t, o)
		mux := http.NewServeMux()
		mux.HandleFunc("/ready", life.Ready)
		mux.Handle("/", m.wrap(life, h))
		s := serveBy(t, p, life, mux)
		body(t, s, p, m)
	})
}

// returned waits for the end of Serve, and fails the test unless it comes when the
// drain has lasted for that long, with that error; "" is none. net/http polls, and
// gives an HTTP/2 connection a second after its GOAWAY: two seconds are for that.
func (s *service) returned(t *testing.T, after time.Duration, want string) {
	t.Helper()
	err := <-s.err
	if took := time.Since(s.began); took < after || took > after+2*time.Second {
		t.Errorf("Serve returned after %v of draining, want about %v", took, after)
	}
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("Serve() = %v, want %q", err, want)
	}
}

// shutDown calls http.Server.Shutdown, as another part of the program may.
func (s *service) shutDown() (done <-chan error) {
	ch := make(chan error, 1)
	go func() { ch <- s.Config.Shutdown(context.Background()) }()
	return ch
}

// sleeps is a handler that works for d, or until its context ends, and then answers.
func sleeps(d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if r.URL.Path == "/quick" {
			return
		}
		select {
		case <-time.After(d):
			fmt.Fprint(w, "done")
		case <-ctx.Done():
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, context.Cause(ctx))
		}
	}
}
