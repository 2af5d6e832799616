package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lastbyte-go/lastbyte/eof"
	"github.com/lastbyte-go/lastbyte/internal/pipenet"
	"github.com/lastbyte-go/lastbyte/middleware"
)

// upgrades takes the connection over, and works until its context ends, or for d.
func upgrades(t *testing.T, d time.Duration, ended chan<- error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("Hijack() = %v", err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
		ended <- context.Cause(r.Context())
	}
}

// upgrade opens a connection that the handler hijacks.
func upgrade(t *testing.T, s *pipenet.Server) net.Conn {
	t.Helper()
	c := s.Dial()
	io.WriteString(c, "GET /socket HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("upgrade = %v, %v, want 101", res, err)
	}
	return c
}

// eachHijack runs body over HTTP/1 for each mount; HTTP/2 cannot be hijacked.
func eachHijack(t *testing.T, body func(t *testing.T, m mount)) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { body(t, m) }) })
	}
}

// Lifecycle.Shutdown waits for the handler of a hijacked connection until it returns.
func TestB13_ShutdownWaitsForHijacked(t *testing.T) {
	eachHijack(t, func(t *testing.T, m mount) {
		ended := make(chan error, 1)
		life := newLife(t, middleware.Options{})
		s := pipenet.Start(t, pipenet.HTTP1, m.wrap(life, upgrades(t, time.Minute, ended)), life.Attach)
		upgrade(t, s)
		began := time.Now()
		if all := slices.Collect(life.Background().Work()); len(all) != 1 || all[0].Kind != "handler" || !all[0].Running {
			t.Errorf("Work() = %+v, want the handler", all)
		}
		if err := life.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown() = %v, want nil", err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("Shutdown took %v, want until the handler returned", took)
		}
		if err := take(t, ended, "the handler"); err != nil {
			t.Errorf("the handler's context ended with %v, want it alive", err)
		}
		if st := life.Stats(); st.Background != (eof.Stats{}) {
			t.Errorf("Stats() = %+v, want nothing of the Background's", st)
		}
	})
}

// A Shutdown that gives up cancels it, and counts it.
func TestB13_ShutdownGivesHijackedUp(t *testing.T) {
	eachHijack(t, func(t *testing.T, m mount) {
		ended := make(chan error, 2)
		life := newLife(t, middleware.Options{})
		s := pipenet.Start(t, pipenet.HTTP1, m.wrap(life, upgrades(t, time.Hour, ended)), life.Attach)
		upgrade(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := life.Shutdown(ctx)
		if want := "eof: shutdown gave up 1 handler (GET, 1.0s): context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("Shutdown() = %v, want %q", err, want)
		}
		if err := take(t, ended, "the handler"); !errors.Is(err, eof.ErrShuttingDown) {
			t.Errorf("the handler's context ended with %v, want %v", err, eof.ErrShuttingDown)
		}
		if st := life.Stats().Background; st != (eof.Stats{Lost: 1}) {
			t.Errorf("Stats() = %+v, want one lost", st)
		}
		upgrade(t, s) // it comes after the end: it is cancelled at once
		if err := take(t, ended, "the late handler"); !errors.Is(err, eof.ErrShuttingDown) {
			t.Errorf("the late handler's context ended with %v, want %v", err, eof.ErrShuttingDown)
		}
	})
}

// Serve tells it together with the other requests, at half of Grace.
func TestB13_ServeTellsHijackedAtHalf(t *testing.T) {
	eachHijack(t, func(t *testing.T, m mount) {
		ended := make(chan error, 1)
		life := newLife(t, middleware.Options{Grace: 20 * time.Second})
		s := serveBy(t, pipenet.HTTP1, life, m.wrap(life, upgrades(t, time.Hour, ended)))
		upgrade(t, s.Server)
		s.stop()
		s.returned(t, 10*time.Second, "")
		if err := take(t, ended, "the handler"); !errors.Is(err, eof.ErrShuttingDown) {
			t.Errorf("the handler's context ended with %v, want %v", err, eof.ErrShuttingDown)
		}
	})
}

// One that is deaf is given up at the end of Grace, and its connection is not cut.
func TestB13_ServeGivesHijackedUp(t *testing.T) {
	eachHijack(t, func(t *testing.T, m mount) {
		life := newLife(t, middleware.Options{Grace: 20 * time.Second})
		release := make(chan struct{})
		s := serveBy(t, pipenet.HTTP1, life, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			<-release
		})))
		upgrade(t, s.Server)
		s.stop()
		s.returned(t, 20*time.Second, "eof: shutdown gave up 1 handler (GET, 20.0s): context deadline exceeded")
		close(release)
		synctest.Wait()
	})
}

// A handler that leaves the connection to another goroutine is over.
func TestB13_HandlerThatReturnsIsOver(t *testing.T) {
	eachHijack(t, func(t *testing.T, m mount) {
		life := newLife(t, middleware.Options{})
		conns := make(chan net.Conn, 1)
		s := pipenet.Start(t, pipenet.HTTP1, m.wrap(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			conns <- c
		})), life.Attach)
		upgrade(t, s)
		c := take(t, conns, "connection")
		defer c.Close()
		began := time.Now()
		if err := life.Shutdown(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("Shutdown() = %v after %v, want nil at once", err, time.Since(began))
		}
	})
}
